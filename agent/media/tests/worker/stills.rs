//! The thumbnail and the preview: when they come, and that they look like what was sent.

use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use nixcast_media::protocol::{FrameReader, FromWorker, Still, StillKind, ToWorker, WorkerControl};

use super::engine::{Answer, END, Worker, encoded, exact, ladder, play, spec};
use super::source::Source;

const ON: ToWorker = ToWorker::Control(WorkerControl::Stills { enabled: true });
const OFF: ToWorker = ToWorker::Control(WorkerControl::Stills { enabled: false });

fn of_kind(answer: &Answer, kind: StillKind) -> Vec<&Still> {
    answer.stills.iter().filter(|still| still.kind == kind).collect()
}

/// Width, height and number of pictures, and the colour in the middle of each quarter of the first one.
struct Seen {
    size: (usize, usize),
    pictures: usize,
    quarters: [[u8; 3]; 4],
}

impl Seen {
    fn of(still: &Still) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = if still.kind == StillKind::Thumbnail { "still.jpg" } else { "still.gif" };
        let file = folder.path().join(name);
        std::fs::write(&file, &still.data).unwrap();
        let probe = Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-select_streams", "v:0"])
            .args(["-show_entries", "stream=codec_name,width,height,nb_read_frames", "-of", "csv=p=0"])
            .arg(&file)
            .output()
            .unwrap();
        let text = String::from_utf8(probe.stdout).unwrap();
        assert!(probe.stderr.is_empty(), "{}", String::from_utf8_lossy(&probe.stderr));
        let parts: Vec<&str> = text.trim().split(',').collect();
        assert_eq!(parts[0], if still.kind == StillKind::Thumbnail { "mjpeg" } else { "gif" });
        let (width, height): (usize, usize) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
        let pixels = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&file)
            .args(["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
            .output()
            .unwrap();
        assert!(pixels.status.success() && pixels.stderr.is_empty(), "{}", String::from_utf8_lossy(&pixels.stderr));
        let at = |x: usize, y: usize| {
            let start = (y * width + x) * 3;
            [0, 1, 2].map(|channel| pixels.stdout[start + channel])
        };
        let (left, right, top, bottom) = (width / 4, width * 3 / 4, height / 4, height * 3 / 4);
        Self {
            size: (width, height),
            pictures: parts[3].parse().unwrap(),
            quarters: [at(left, top), at(right, top), at(left, bottom), at(right, bottom)],
        }
    }

    #[track_caller]
    fn assert_shows(&self, colours: [[u8; 3]; 4], tolerance: u8) {
        for (seen, want) in self.quarters.iter().zip(colours) {
            let is_near = seen.iter().zip(want).all(|(seen, want)| seen.abs_diff(want) <= tolerance);
            assert!(is_near, "{:?} instead of {colours:?}", self.quarters);
        }
    }
}

const COLOURS: [[u8; 3]; 4] = [[0xe0, 0x20, 0x30], [0x10, 0xb0, 0x40], [0x20, 0x40, 0xd0], [0xf0, 0xf0, 0xf0]];

/// Four quarters of plain colours, the last one nearly white, with what says how numbers mean colours.
fn quarters(width: u32, height: u32, seconds: u32, how: &str) -> Source {
    let (w, h) = (width / 2, height / 2);
    let colour = |index: usize| {
        let [red, green, blue] = COLOURS[index];
        format!("color=c=0x{red:02x}{green:02x}{blue:02x}:size={w}x{h}:rate=10:duration={seconds},format=gbrp")
    };
    let picture = format!(
        "{}[a];{}[b];{}[c];{}[d];[a][b][c][d]xstack=inputs=4:layout=0_0|{w}_0|0_{h}|{w}_{h}",
        colour(0),
        colour(1),
        colour(2),
        colour(3)
    );
    Source::make(&format!("-f lavfi -i {picture} {how} -c:v libx264 -preset ultrafast -crf 10 -g 10"))
}

#[test]
fn both_files_show_the_colours_that_were_sent() {
    let cases = [
        ((320, 180), "-vf scale=out_color_matrix=bt601:out_range=tv,format=yuv420p"),
        ((1280, 720), "-vf scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"),
        ((320, 180), "-vf scale=out_color_matrix=bt709:out_range=tv,format=yuv420p -colorspace bt709"),
        ((320, 180), "-vf scale=out_color_matrix=bt601:out_range=pc,format=yuvj420p -color_range pc"),
    ];
    for ((width, height), how) in cases {
        let mut messages = vec![ON, ladder(1000, &[spec(1, 90, 100)], None)];
        messages.extend(quarters(width, height, 2, how).messages);
        messages.push(END);
        let answer = play(exact(), &messages);
        let (thumbnails, previews) = (of_kind(&answer, StillKind::Thumbnail), of_kind(&answer, StillKind::Preview));
        assert_eq!((thumbnails.len(), previews.len()), (1, 1), "{how}");
        let thumbnail = Seen::of(thumbnails[0]);
        assert_eq!(thumbnail.size, (width as usize, height as usize));
        thumbnail.assert_shows(COLOURS, 5);
        Seen::of(previews[0]).assert_shows(COLOURS, 8);
        assert!(answer.has_ended(1));
    }
}

#[test]
fn files_come_every_twenty_seconds_and_keep_the_shape() {
    let source = quarters(608, 1080, 45, "-vf format=yuv420p,setsar=1");
    let mut messages = vec![ladder(1000, &[spec(1, 90, 100)], None), ON];
    messages.extend(source.messages);
    messages.push(END);
    let answer = play(exact(), &messages);
    let (thumbnails, previews) = (of_kind(&answer, StillKind::Thumbnail), of_kind(&answer, StillKind::Preview));
    // The thread may be busy with one picture when the next is due; that one is passed over.
    assert!((2..=3).contains(&thumbnails.len()), "{}", thumbnails.len());
    assert_eq!(previews.len(), thumbnails.len());
    assert_eq!(Seen::of(thumbnails[0]).size, (608, 1080));
    let last = Seen::of(previews[previews.len() - 1]);
    assert_eq!(last.size, (480, 852));
    assert!((2..=8).contains(&last.pictures), "{}", last.pictures);

    let anamorphic = quarters(720, 576, 1, "-vf format=yuv420p,setsar=16/11");
    let answer = play(exact(), &[vec![ON], anamorphic.messages, vec![END]].concat());
    assert_eq!(Seen::of(of_kind(&answer, StillKind::Thumbnail)[0]).size, (1046, 576));
}

#[test]
fn keyframes_alone_suffice_and_each_is_shown_at_once() {
    let source = Source::test_picture("640x360", 30, 6);
    let worker = Worker::start(exact());
    let mut socket = worker.socket.try_clone().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = source.messages.iter().filter(|message| matches!(message, ToWorker::Control(_))).cloned();
    let key = source.messages.iter().find(|message| matches!(message, ToWorker::Video(unit) if unit.is_sync));
    socket.write_all(&encoded(&head.chain([ON, key.unwrap().clone()]).collect::<Vec<_>>())).unwrap();
    let (mut reader, mut bytes, mut kinds) = (FrameReader::new(), [0; 4096], Vec::new());
    while kinds.len() < 2 {
        let count = socket.read(&mut bytes).expect("one keyframe is enough for a still");
        reader.feed(&bytes[..count]);
        while let Some(frame) = reader.next_frame().unwrap() {
            if let FromWorker::Still(still) = FromWorker::decode(frame).unwrap() {
                kinds.push(still.kind);
            }
        }
    }
    assert_eq!(kinds, [StillKind::Thumbnail, StillKind::Preview]);
    drop(socket);
    drop(worker.socket);
    worker.thread.join().unwrap().unwrap();
}

#[test]
fn a_rung_can_begin_where_there_were_stills_alone() {
    let source = Source::test_picture("320x180", 30, 6);
    let is_early = |message: &&ToWorker| matches!(message, ToWorker::Video(unit) if unit.dts < 3 * 90_000);
    let is_whole = |message: &&ToWorker| match message {
        ToWorker::Video(unit) => unit.is_sync,
        _ => true,
    };
    let mut messages = vec![ON];
    messages.extend(source.messages.iter().filter(|message| !is_early(message) || is_whole(message)).cloned());
    let third = messages.iter().position(|message| matches!(message, ToWorker::Video(unit) if unit.dts >= 3 * 90_000));
    messages.insert(third.unwrap(), ladder(1000, &[spec(1, 90, 100)], None));
    messages.push(OFF);
    messages.push(END);
    let answer = play(exact(), &messages);
    assert_eq!(answer.corrupt(), 0, "{:?}", answer.reports);
    assert!((89..=91).contains(&answer.times(1).len()), "{}", answer.times(1).len());
    answer.check_decodes(1);
    assert!(!answer.stills.is_empty());
}

//! Messages to bytes and back. Each direction has its own kind bytes, so a crossed wire is noticed at once.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Serialize;

use super::{Frame, FromWorker, MAX_FRAME_BYTES, MediaUnit, Still, StillKind, ToWorker};

const TO_WORKER_CONTROL: u8 = 0x01;
const TO_WORKER_VIDEO: u8 = 0x02;
const TO_WORKER_AUDIO: u8 = 0x03;
const FROM_WORKER_REPORT: u8 = 0x81;
const FROM_WORKER_VIDEO: u8 = 0x82;
const FROM_WORKER_AUDIO: u8 = 0x83;
const FROM_WORKER_THUMBNAIL: u8 = 0x84;
const FROM_WORKER_PREVIEW: u8 = 0x85;

const FLAG_SYNC: u8 = 1;
/// `u32` track, `u8` flags, `i64` dts, `i64` pts.
const UNIT_HEAD_BYTES: usize = 4 + 1 + 8 + 8;

/// What the other side sent cannot be a frame, or what is to be sent cannot become one.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    #[error("frame of {length} bytes is outside 1 to {MAX_FRAME_BYTES}")]
    Length { length: usize },
    #[error("frame kind {kind:#04x} is not known in this direction")]
    Kind { kind: u8 },
    #[error("media frame of {length} bytes is shorter than its head of {UNIT_HEAD_BYTES}")]
    ShortUnit { length: usize },
    #[error("control frame is not what this side understands")]
    Json(#[source] serde_json::Error),
}

impl ToWorker {
    /// Appends the message as one frame.
    ///
    /// # Errors
    /// The frame would pass [`MAX_FRAME_BYTES`]; `out` is left as it was.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), ProtocolError> {
        match self {
            Self::Control(control) => put_json(TO_WORKER_CONTROL, control, out),
            Self::Video(unit) => put_unit(TO_WORKER_VIDEO, unit, out),
            Self::Audio(unit) => put_unit(TO_WORKER_AUDIO, unit, out),
        }
    }

    /// Reads a frame that came from the engine. Media data is a slice of the frame, not a copy.
    ///
    /// # Errors
    /// The frame is of another direction, too short, or not the JSON expected.
    pub fn decode(frame: Frame) -> Result<Self, ProtocolError> {
        match frame.kind {
            TO_WORKER_CONTROL => serde_json::from_slice(&frame.body).map(Self::Control).map_err(ProtocolError::Json),
            TO_WORKER_VIDEO => take_unit(frame.body).map(Self::Video),
            TO_WORKER_AUDIO => take_unit(frame.body).map(Self::Audio),
            kind => Err(ProtocolError::Kind { kind }),
        }
    }
}

impl FromWorker {
    /// Appends the message as one frame.
    ///
    /// # Errors
    /// The frame would pass [`MAX_FRAME_BYTES`]; `out` is left as it was.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), ProtocolError> {
        match self {
            Self::Report(report) => put_json(FROM_WORKER_REPORT, report, out),
            Self::Video(unit) => put_unit(FROM_WORKER_VIDEO, unit, out),
            Self::Audio(unit) => put_unit(FROM_WORKER_AUDIO, unit, out),
            Self::Still(still) => put_still(still, out),
        }
    }

    /// Reads a frame that came from the worker. Media data is a slice of the frame, not a copy.
    ///
    /// # Errors
    /// The frame is of another direction, too short, or not the JSON expected.
    pub fn decode(frame: Frame) -> Result<Self, ProtocolError> {
        match frame.kind {
            FROM_WORKER_REPORT => serde_json::from_slice(&frame.body).map(Self::Report).map_err(ProtocolError::Json),
            FROM_WORKER_VIDEO => take_unit(frame.body).map(Self::Video),
            FROM_WORKER_AUDIO => take_unit(frame.body).map(Self::Audio),
            FROM_WORKER_THUMBNAIL => Ok(Self::Still(Still { kind: StillKind::Thumbnail, data: frame.body })),
            FROM_WORKER_PREVIEW => Ok(Self::Still(Still { kind: StillKind::Preview, data: frame.body })),
            kind => Err(ProtocolError::Kind { kind }),
        }
    }
}

fn put_json<T: Serialize>(kind: u8, value: &T, out: &mut BytesMut) -> Result<(), ProtocolError> {
    let body = serde_json::to_vec(value).map_err(ProtocolError::Json)?;
    put_head(kind, body.len(), out)?;
    out.put_slice(&body);
    Ok(())
}

fn put_unit(kind: u8, unit: &MediaUnit, out: &mut BytesMut) -> Result<(), ProtocolError> {
    put_head(kind, UNIT_HEAD_BYTES + unit.data.len(), out)?;
    out.put_u32(unit.track);
    out.put_u8(if unit.is_sync { FLAG_SYNC } else { 0 });
    out.put_i64(unit.dts);
    out.put_i64(unit.pts);
    out.put_slice(&unit.data);
    Ok(())
}

fn put_still(still: &Still, out: &mut BytesMut) -> Result<(), ProtocolError> {
    let kind = match still.kind {
        StillKind::Thumbnail => FROM_WORKER_THUMBNAIL,
        StillKind::Preview => FROM_WORKER_PREVIEW,
    };
    put_head(kind, still.data.len(), out)?;
    out.put_slice(&still.data);
    Ok(())
}

fn put_head(kind: u8, body_bytes: usize, out: &mut BytesMut) -> Result<(), ProtocolError> {
    let length = body_bytes + 1;
    let prefix = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME_BYTES);
    let prefix = prefix.ok_or(ProtocolError::Length { length })?;
    out.reserve(length + 4);
    out.put_u32(prefix);
    out.put_u8(kind);
    Ok(())
}

fn take_unit(mut body: Bytes) -> Result<MediaUnit, ProtocolError> {
    if body.len() < UNIT_HEAD_BYTES {
        return Err(ProtocolError::ShortUnit { length: body.len() });
    }
    let track = body.get_u32();
    let is_sync = body.get_u8() & FLAG_SYNC != 0;
    let dts = body.get_i64();
    let pts = body.get_i64();
    Ok(MediaUnit { track, is_sync, dts, pts, data: body })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::super::{
        AudioSpec, EncoderProgress, EncoderSpec, FrameReader, Progress, Tuning, VideoEncoder, WorkerControl,
        WorkerReport,
    };
    use super::*;

    fn unit(data: &'static [u8]) -> MediaUnit {
        MediaUnit { track: 7, is_sync: true, dts: -3000, pts: i64::MAX, data: Bytes::from_static(data) }
    }

    fn to_worker() -> Vec<ToWorker> {
        let spec = EncoderSpec {
            id: 3,
            name: "720p".to_owned(),
            width: None,
            height: Some(720),
            framerate: Some(30),
            video_bitrate_kbps: 2500,
            encoder: VideoEncoder::Vaapi,
            preset: "veryfast".to_owned(),
            tuning: Tuning { look_ahead: Some(3), b_frames: Some(0), frame_threads: None },
        };
        let audio = Some(AudioSpec { id: 9, bitrate_kbps: 128 });
        vec![
            ToWorker::Control(WorkerControl::VideoSource { avcc_hex: "0164".to_owned() }),
            ToWorker::Control(WorkerControl::AudioSource { asc_hex: "1190".to_owned() }),
            ToWorker::Control(WorkerControl::Ladder { grid_ms: 2000, encoders: vec![spec], audio }),
            ToWorker::Video(unit(b"picture")),
            ToWorker::Audio(unit(b"")),
            ToWorker::Control(WorkerControl::Stills { enabled: true }),
            ToWorker::Control(WorkerControl::End),
        ]
    }

    fn from_worker() -> Vec<FromWorker> {
        vec![
            FromWorker::Report(WorkerReport::VideoStarted { id: 1, avcc_hex: "01".to_owned(), width: 64, height: 48 }),
            FromWorker::Report(WorkerReport::Failed { id: 1, message: "no such preset".to_owned() }),
            FromWorker::Report(WorkerReport::Progress(Progress {
                interval_ms: 1001,
                encoders: vec![EncoderProgress { id: 1, encoded: 30, skipped: 2, busy_ms: 400, queued: 8 }],
                ..Progress::default()
            })),
            FromWorker::Video(unit(b"picture")),
            FromWorker::Audio(unit(b"sound")),
            FromWorker::Still(Still { kind: StillKind::Thumbnail, data: Bytes::from_static(b"jpeg") }),
            FromWorker::Still(Still { kind: StillKind::Preview, data: Bytes::from_static(b"gif") }),
        ]
    }

    proptest! {
        #[test]
        fn messages_survive_any_cut_of_the_stream(cut in 1_usize..64) {
            let mut bytes = BytesMut::new();
            for message in to_worker() { message.encode(&mut bytes).unwrap(); }
            let mut reader = FrameReader::new();
            let mut seen = Vec::new();
            for piece in bytes.chunks(cut) {
                reader.feed(piece);
                while let Some(frame) = reader.next_frame().unwrap() { seen.push(ToWorker::decode(frame).unwrap()); }
            }
            prop_assert_eq!(seen, to_worker());
            prop_assert!(reader.is_at_boundary());
        }

        #[test]
        fn arbitrary_bytes_give_an_error_or_wait_for_more(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = FrameReader::new();
            reader.feed(&bytes);
            while let Ok(Some(frame)) = reader.next_frame() {
                let (to, from) = (ToWorker::decode(frame.clone()), FromWorker::decode(frame));
                prop_assert!(to.is_err() || from.is_err());
            }
        }
    }

    #[test]
    fn reports_and_units_come_back_as_they_went() {
        let mut reader = FrameReader::new();
        for message in from_worker() {
            message.encode(reader.buffer_mut()).unwrap();
        }
        for message in from_worker() {
            assert_eq!(FromWorker::decode(reader.next_frame().unwrap().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn lengths_outside_the_bound_are_refused_by_both_sides() {
        for length in [0_u32, u32::MAX, 16 * 1024 * 1024 + 1] {
            let mut reader = FrameReader::new();
            reader.feed(&length.to_be_bytes());
            assert!(matches!(reader.next_frame(), Err(ProtocolError::Length { .. })), "{length}");
        }
        let mut out = BytesMut::new();
        let data = Bytes::from(vec![0; MAX_FRAME_BYTES]);
        let unit = MediaUnit { track: 0, is_sync: false, dts: 0, pts: 0, data };
        assert!(matches!(ToWorker::Video(unit).encode(&mut out), Err(ProtocolError::Length { .. })));
        assert!(out.is_empty());
    }

    #[test]
    fn a_message_of_the_other_direction_is_refused() {
        let mut reader = FrameReader::new();
        FromWorker::Audio(unit(b"x")).encode(reader.buffer_mut()).unwrap();
        let frame = reader.next_frame().unwrap().unwrap();
        assert!(matches!(ToWorker::decode(frame), Err(ProtocolError::Kind { kind: FROM_WORKER_AUDIO })));
    }
}

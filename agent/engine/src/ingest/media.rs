//! From FLV tags to access units on the broadcast's time line.

use bytes::Bytes;
use nixcast_core::flv::{AudioTag, FlvError, Picture, VideoTag, VideoTrack, read_audio, silent_frame};
use nixcast_core::media::AccessUnit;
use nixcast_core::timeline::Timeline;

use crate::broadcast::FromPublisher;

/// Reads one session's tags, in order.
#[derive(Debug, Default)]
pub(super) struct MediaReader {
    video: VideoTrack,
    timeline: Timeline,
    /// What stands in for sound that is announced and does not come.
    silence: Option<Bytes>,
    /// Tags that could not be read and were left out.
    damaged: u64,
}

impl MediaReader {
    /// Says where on the broadcast's time line the session begins, 90 kHz. To be told before the first tag.
    pub(super) fn start_at(&mut self, offset_90k: i64) {
        self.timeline = Timeline::starting_at(offset_90k);
    }

    /// One video tag; none if there is nothing in it to pass on. An error ends the session.
    pub(super) fn video(&mut self, timestamp_ms: u32, payload: &Bytes) -> Result<Option<FromPublisher>, FlvError> {
        let tag = self.video.read(payload);
        Ok(match self.forgive(tag)? {
            Some(VideoTag::Config(config)) => Some(FromPublisher::VideoConfig(config)),
            Some(VideoTag::Picture(Picture { is_sync, composition_ms, data })) => {
                let (dts, pts) = self.timeline.video(timestamp_ms, composition_ms);
                Some(FromPublisher::Video(AccessUnit { dts, pts, is_sync, data }))
            }
            Some(VideoTag::EndOfSequence | VideoTag::Nothing) | None => None,
        })
    }

    /// One audio tag; as [`Self::video`].
    pub(super) fn audio(&mut self, timestamp_ms: u32, payload: &Bytes) -> Result<Option<FromPublisher>, FlvError> {
        Ok(match self.forgive(read_audio(payload))? {
            Some(AudioTag::Config(config)) => {
                self.timeline.set_audio_rate(config.sample_rate);
                self.silence = silent_frame(config.channels);
                Some(FromPublisher::AudioConfig(config))
            }
            Some(AudioTag::Frame(data)) => self
                .timeline
                .audio(timestamp_ms)
                .map(|dts| FromPublisher::Audio(AccessUnit { dts, pts: dts, is_sync: true, data })),
            Some(AudioTag::Nothing) | None => None,
        })
    }

    /// How often the publisher's clock jumped.
    pub(super) fn jumps(&self) -> u64 {
        self.timeline.jumps()
    }

    /// A frame of silence, as long as sound that was announced is missing: see [`Timeline::missing_audio`].
    pub(super) fn missing_sound(&mut self) -> Option<FromPublisher> {
        let data = self.silence.clone()?;
        let dts = self.timeline.missing_audio()?;
        Some(FromPublisher::Audio(AccessUnit { dts, pts: dts, is_sync: true, data }))
    }

    pub(super) fn damaged(&self) -> u64 {
        self.damaged
    }

    fn forgive<T>(&mut self, tag: Result<T, FlvError>) -> Result<Option<T>, FlvError> {
        match tag {
            Err(error) if !error.ends_session() => {
                self.damaged += 1;
                Ok(None)
            }
            tag => tag.map(Some),
        }
    }
}

//! How much one connection may make the server keep.

/// Bounds on one session, all counted in the memory really reserved and not in what a header promises.
///
/// An unknown client (before its publish request is accepted) gets what a polite one needs about ten times over; a
/// publisher gets what the largest picture needs. Passing a bound ends that session alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, and all unfinished messages together, before publishing is accepted; also the longest command
    /// or metadata message after it. Bytes. The longest real one seen is OBS's `connect`, under 1 KiB.
    pub control_bytes: usize,
    /// Longest audio, video or aggregate message once publishing. Bytes. An IDR picture of a 4K stream at 100 Mbit/s
    /// stays under 4 MiB; RTMP's own bound is 16 MiB.
    pub media_bytes: usize,
    /// All unfinished messages together once publishing. Bytes. Two of the longest: one video and one audio or
    /// metadata message may be interleaved.
    pub partial_bytes: usize,
    /// Chunk streams used at once. Real publishers use four or five (ids 2, 3, 4, 6, 8).
    pub chunk_streams: usize,
    /// Messages of any kind before publishing is accepted. Real publishers send six to ten.
    pub messages_before_accept: u32,
    /// Longest application or stream name. Bytes.
    pub name_bytes: usize,
    /// Answers not yet taken with `take_output`. Bytes. What 32 KiB of nothing but pings bring forth, doubled.
    pub output_bytes: usize,
    /// Events not yet taken with `next_event`. What 32 KiB of one-byte messages bring forth.
    pub events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            control_bytes: 64 * 1024,
            media_bytes: 8 * 1024 * 1024,
            partial_bytes: 16 * 1024 * 1024,
            chunk_streams: 64,
            messages_before_accept: 64,
            name_bytes: 1024,
            output_bytes: 256 * 1024,
            events: 16 * 1024,
        }
    }
}

//! One publisher connection's protocol state.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use zeroize::{Zeroize, Zeroizing};

use super::chunk::{Bounds, ChunkReader, Message};
use super::command::{self, Code, Command};
use super::handshake::Handshake;
use super::output::{ChunkWriter, kind};
use super::{Event, Limits, Metadata, SessionError, Stage, StreamKeyInput};

/// Payload bytes in the chunks the server sends: every answer fits into one.
const OUTPUT_CHUNK_BYTES: u16 = 4096;
/// Bytes after which either side reports what it got, as ffmpeg and Flash Media Server have it. A small window makes
/// librtmp report after every few packets.
const WINDOW_BYTES: u32 = 2_500_000;
/// The one message stream a publisher is given.
const MESSAGE_STREAM: u32 = 1;
/// Chunk streams for answers to calls and for `onStatus`.
const CALL_CHUNKS: u8 = 3;
const STATUS_CHUNKS: u8 = 5;
/// Longest reason sent, bytes. It is shown in a log line or a small window.
const REASON_BYTES: usize = 512;

/// Server side of one RTMP connection. See the module for how to drive it.
pub struct Session {
    limits: Limits,
    stage: Stage,
    handshake: Handshake,
    reader: ChunkReader,
    output: ChunkWriter,
    events: VecDeque<Event>,
    app: String,
    messages: u32,
    /// Bytes received after the handshake, wrapping as the report of them does.
    received: u32,
    reported: u32,
    /// The client's window; 0: it wants no reports.
    window: u32,
}

impl Session {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            stage: Stage::Handshake,
            handshake: Handshake::new(),
            reader: ChunkReader::new(),
            output: ChunkWriter::new(),
            events: VecDeque::new(),
            app: String::new(),
            messages: 0,
            received: 0,
            reported: 0,
            window: WINDOW_BYTES,
        }
    }

    /// Takes bytes off the wire, cut anywhere. Feed at most 32 KiB at a time and drain events and output in between.
    ///
    /// # Errors
    /// The client broke the protocol or passed a limit: the session is [`Stage::Closing`], its buffers are freed, and
    /// the reason is in the output for a client that got as far as `connect`.
    pub fn receive(&mut self, mut input: &[u8]) -> Result<(), SessionError> {
        let outcome = self.read(&mut input);
        if let Err(error) = &outcome {
            self.reject(&error.to_string());
        }
        outcome
    }

    /// What happened, oldest first; None once all is told.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Bytes to write to the socket; empty if there are none.
    pub fn take_output(&mut self) -> Bytes {
        self.output.take()
    }

    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Memory reserved for what has come in and is not yet whole, bytes.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.handshake.buffered_bytes() + self.reader.partial_bytes()
    }

    /// Lets the publisher begin. Does nothing at any stage but [`Stage::Deciding`].
    pub fn accept_publish(&mut self) {
        if self.stage == Stage::Deciding {
            self.stage = Stage::Publishing;
            let begin = [&[0, 0][..], &MESSAGE_STREAM.to_be_bytes()].concat();
            self.output.control(kind::USER_CONTROL, &begin);
            self.status(Code::PublishStart, "Publishing.");
        }
    }

    /// Turns the publisher away. `reason` is shown in its log: say what to do about it, and never the key.
    pub fn refuse_publish(&mut self, reason: &str) {
        self.reject(reason);
    }

    /// Ends a session at any stage, for instance because its key was revoked. `reason` as in
    /// [`Self::refuse_publish`].
    pub fn end(&mut self, reason: &str) {
        self.reject(reason);
    }

    fn reject(&mut self, reason: &str) {
        if matches!(self.stage, Stage::AwaitingPublish | Stage::Deciding | Stage::Publishing) {
            self.status(Code::PublishRejected, reason);
        }
        self.close();
    }

    /// Reads nothing more and frees what was half read.
    fn close(&mut self) {
        self.stage = Stage::Closing;
        self.handshake = Handshake::new();
        self.reader = ChunkReader::new();
    }

    fn read(&mut self, input: &mut &[u8]) -> Result<(), SessionError> {
        if self.stage == Stage::Handshake {
            if !self.handshake.receive(input, &mut self.output)? {
                return Ok(());
            }
            self.handshake = Handshake::new();
            self.stage = Stage::Connecting;
        }
        let offered = input.len();
        while self.stage != Stage::Closing {
            let Some(message) = self.reader.next(input, &self.bounds())? else { break };
            self.handle(message)?;
            self.check_queues()?;
        }
        self.received = self.received.wrapping_add(u32::try_from(offered - input.len()).unwrap_or(u32::MAX));
        self.report();
        Ok(())
    }

    fn bounds(&self) -> Bounds {
        match self.stage {
            Stage::Publishing => Bounds::publisher(&self.limits),
            _ => Bounds::stranger(&self.limits),
        }
    }

    fn check_queues(&self) -> Result<(), SessionError> {
        let Limits { output_bytes, events, .. } = self.limits;
        if self.output.len() > output_bytes {
            return Err(SessionError::TooMuchOutput { limit: output_bytes });
        }
        if self.events.len() > events {
            return Err(SessionError::TooManyEvents { limit: events });
        }
        Ok(())
    }

    /// Tells the client how much has come, at most once for what was read in one go.
    fn report(&mut self) {
        let is_due = self.window > 0 && self.received.wrapping_sub(self.reported) >= self.window;
        if is_due && self.stage != Stage::Closing {
            self.reported = self.received;
            self.output.control(kind::ACKNOWLEDGEMENT, &self.received.to_be_bytes());
        }
    }

    fn handle(&mut self, message: Message) -> Result<(), SessionError> {
        if self.stage != Stage::Publishing {
            self.messages += 1;
            if self.messages > self.limits.messages_before_accept {
                return Err(SessionError::TooManyMessages { limit: self.limits.messages_before_accept });
            }
        }
        let Message { kind: message_kind, timestamp, payload } = message;
        match message_kind {
            kind::AUDIO | kind::VIDEO => self.media(message_kind, timestamp, payload.into()),
            kind::AGGREGATE => self.aggregate(timestamp, &payload.into())?,
            kind::DATA_AMF0 => self.data(&payload)?,
            kind::DATA_AMF3 => self.data(without_amf3_mark(&payload))?,
            kind::COMMAND_AMF0 => self.command(&Zeroizing::new(payload))?,
            kind::COMMAND_AMF3 => self.command(without_amf3_mark(&Zeroizing::new(payload)))?,
            _ => self.control(message_kind, &payload)?,
        }
        Ok(())
    }

    fn media(&mut self, message_kind: u8, timestamp_ms: u32, payload: Bytes) {
        if payload.is_empty() {
            return;
        }
        self.events.push_back(match message_kind {
            kind::AUDIO => Event::Audio { timestamp_ms, payload },
            _ => Event::Video { timestamp_ms, payload },
        });
    }

    /// Several FLV tags in one message, each with its own time counted from the first (RTMP 1.0, section 7.1.6).
    fn aggregate(&mut self, timestamp: u32, payload: &Bytes) -> Result<(), SessionError> {
        let mut at = 0;
        let mut first = None;
        while at < payload.len() {
            let head = payload.get(at..at + 11).ok_or(SessionError::Aggregate)?;
            let length = u32::from_be_bytes([0, head[1], head[2], head[3]]);
            let tag_time = u32::from_be_bytes([head[7], head[4], head[5], head[6]]);
            let end = usize::try_from(length).ok().and_then(|length| length.checked_add(at + 11));
            let end = end.filter(|end| *end <= payload.len()).ok_or(SessionError::Aggregate)?;
            let since_first = tag_time.wrapping_sub(*first.get_or_insert(tag_time));
            let tag_time = timestamp.wrapping_add(since_first);
            match head[0] {
                kind::AUDIO | kind::VIDEO => self.media(head[0], tag_time, payload.slice(at + 11..end)),
                kind::DATA_AMF0 => self.data(&payload[at + 11..end])?,
                _ => (),
            }
            self.check_queues()?;
            // The length of the tag follows once more; the last one may lack it.
            at = end + 4;
        }
        Ok(())
    }

    fn data(&mut self, message: &[u8]) -> Result<(), SessionError> {
        if self.stage != Stage::Publishing {
            return Err(SessionError::MediaBeforeAccept);
        }
        self.events.extend(Metadata::read(message).map(Event::Metadata));
        Ok(())
    }

    /// Protocol control and user control. Types that no one defines are passed over.
    fn control(&mut self, message_kind: u8, payload: &[u8]) -> Result<(), SessionError> {
        match message_kind {
            kind::SET_CHUNK_SIZE => self.reader.set_chunk_bytes(first_u32(message_kind, payload)?)?,
            kind::ABORT => self.reader.abort(first_u32(message_kind, payload)?),
            kind::WINDOW_ACK_SIZE => self.window = first_u32(message_kind, payload)?,
            kind::USER_CONTROL => self.user_control(payload)?,
            // What the client has got and how much the server may send: the server says next to nothing.
            kind::ACKNOWLEDGEMENT | kind::SET_PEER_BANDWIDTH => (),
            _ => (),
        }
        Ok(())
    }

    fn user_control(&mut self, payload: &[u8]) -> Result<(), SessionError> {
        const PING_REQUEST: [u8; 2] = [0, 6];
        const PING_RESPONSE: [u8; 2] = [0, 7];
        let (event, rest) =
            payload.split_first_chunk().ok_or(SessionError::ControlTooShort { kind: kind::USER_CONTROL })?;
        if *event == PING_REQUEST {
            let time = first_u32(kind::USER_CONTROL, rest)?;
            self.output.control(kind::USER_CONTROL, &[&PING_RESPONSE[..], &time.to_be_bytes()].concat());
        }
        Ok(())
    }

    fn command(&mut self, message: &[u8]) -> Result<(), SessionError> {
        match Command::read(message).map_err(SessionError::Command)? {
            Command::Connect { call, app } => self.connect(call, app)?,
            Command::Courtesy { call } => self.answer(&command::done(call)),
            Command::FcPublish { call } => {
                self.answer(&command::done(call));
                self.answer(&command::on_fc_publish());
            }
            Command::CreateStream { call } => {
                if self.stage == Stage::Connecting {
                    return Err(SessionError::OutOfOrder { name: "createStream" });
                }
                self.answer(&command::stream_created(call, MESSAGE_STREAM));
            }
            Command::Publish { name } => self.publish(name)?,
            Command::Unpublish => self.unpublish(),
            Command::Play => {
                self.status(Code::PlayFailed, "This server takes RTMP from publishers only; watch on its web page.");
                self.close();
            }
            Command::Answer => (),
            Command::Unknown { call: 0.0 } => (),
            Command::Unknown { call } => {
                self.answer(&command::call_failed(call, "This server does not know the call."))
            }
        }
        Ok(())
    }

    fn connect(&mut self, call: f64, app: Option<Zeroizing<String>>) -> Result<(), SessionError> {
        if self.stage != Stage::Connecting {
            return Err(SessionError::OutOfOrder { name: "connect" });
        }
        let app = app.ok_or(SessionError::Incomplete { name: "connect" })?;
        self.check_name(&app)?;
        self.app.push_str(&app);
        self.stage = Stage::AwaitingPublish;
        self.output.control(kind::WINDOW_ACK_SIZE, &WINDOW_BYTES.to_be_bytes());
        // 2: "dynamic", leaves it to the client how strictly it takes the bound.
        let bandwidth = [&WINDOW_BYTES.to_be_bytes()[..], &[2]].concat();
        self.output.control(kind::SET_PEER_BANDWIDTH, &bandwidth);
        self.output.set_chunk_bytes(OUTPUT_CHUNK_BYTES);
        self.answer(&command::connected(call));
        Ok(())
    }

    fn publish(&mut self, name: Option<Zeroizing<String>>) -> Result<(), SessionError> {
        if self.stage != Stage::AwaitingPublish {
            return Err(SessionError::OutOfOrder { name: "publish" });
        }
        let name = name.ok_or(SessionError::Incomplete { name: "publish" })?;
        self.check_name(&name)?;
        let (app, key) = split_address(&Zeroizing::new(std::mem::take(&mut self.app)), name);
        self.stage = Stage::Deciding;
        self.events.push_back(Event::PublishRequested { app, key: StreamKeyInput::new(key) });
        Ok(())
    }

    fn unpublish(&mut self) {
        if matches!(self.stage, Stage::Deciding | Stage::Publishing) {
            self.status(Code::UnpublishSuccess, "Goodbye.");
            self.close();
            self.events.push_back(Event::Unpublished);
        }
    }

    fn check_name(&self, name: &str) -> Result<(), SessionError> {
        let limit = self.limits.name_bytes;
        if name.len() > limit { Err(SessionError::NameTooLong { limit }) } else { Ok(()) }
    }

    fn answer(&mut self, payload: &[u8]) {
        self.output.message(CALL_CHUNKS, kind::COMMAND_AMF0, 0, payload);
    }

    fn status(&mut self, code: Code, description: &str) {
        let description = &description[..description.floor_char_boundary(REASON_BYTES)];
        let payload = command::on_status(code, description);
        self.output.message(STATUS_CHUNKS, kind::COMMAND_AMF0, MESSAGE_STREAM, &payload);
    }
}

impl Drop for Session {
    /// A key written into the address stays in `app` until the publish request.
    fn drop(&mut self) {
        self.app.zeroize();
    }
}

impl fmt::Debug for Session {
    /// Neither the app (a key may be part of it) nor anything received.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// AMF3 command and data messages put a 0 before values that are AMF0 all the same.
fn without_amf3_mark(payload: &[u8]) -> &[u8] {
    payload.strip_prefix(&[0]).unwrap_or(payload)
}

fn first_u32(message_kind: u8, payload: &[u8]) -> Result<u32, SessionError> {
    let bytes = payload.first_chunk().ok_or(SessionError::ControlTooShort { kind: message_kind })?;
    Ok(u32::from_be_bytes(*bytes))
}

/// Application and key out of what `connect` and `publish` said. The key is the stream name; a publisher without one
/// has its key at the end of the address, `rtmp://host/live/KEY`. A query on the application is dropped, one on the
/// key is part of it.
fn split_address(app: &str, name: Zeroizing<String>) -> (String, Zeroizing<String>) {
    let path_end = app.find('?').unwrap_or(app.len());
    if name.is_empty() {
        let (front, key) = match app[..path_end].rfind('/') {
            Some(slash) => (&app[..slash], &app[slash + 1..]),
            None => ("", app),
        };
        return (front.trim_matches('/').to_owned(), Zeroizing::new(key.to_owned()));
    }
    (app[..path_end].trim_matches('/').to_owned(), name)
}

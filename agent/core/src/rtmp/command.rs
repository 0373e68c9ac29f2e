//! The commands a publisher sends, and the words to answer them with.

use zeroize::Zeroizing;

use super::amf::{AmfError, Reader, Value, Writer};

/// A command, reduced to what the session does about it. `call` is the number an answer must carry.
pub(super) enum Command {
    Connect {
        call: f64,
        app: Option<Zeroizing<String>>,
    },
    /// Wants nothing but to be answered: releaseStream, _checkbw.
    Courtesy {
        call: f64,
    },
    FcPublish {
        call: f64,
    },
    CreateStream {
        call: f64,
    },
    Publish {
        name: Option<Zeroizing<String>>,
    },
    /// FCUnpublish, closeStream, deleteStream: clients send one, two or all three.
    Unpublish,
    /// Any of the commands by which a viewer would start.
    Play,
    /// The client's answer to something; the server asks nothing.
    Answer,
    Unknown {
        call: f64,
    },
}

impl Command {
    pub(super) fn read(message: &[u8]) -> Result<Self, AmfError> {
        let mut values = Reader::new(message);
        let (name, call) = (values.next()?, values.next()?);
        let name = name.as_ref().and_then(Value::as_str).ok_or(AmfError::Truncated)?;
        let call = call.as_ref().and_then(Value::as_number).unwrap_or(0.0);
        Ok(match name {
            "connect" => Self::Connect { call, app: values.next()?.and_then(|details| text(details.get("app")?)) },
            "releaseStream" | "_checkbw" => Self::Courtesy { call },
            "FCPublish" => Self::FcPublish { call },
            "createStream" => Self::CreateStream { call },
            "publish" => {
                values.next()?;
                Self::Publish { name: values.next()?.and_then(|name| text(&name)) }
            }
            "FCUnpublish" | "closeStream" | "deleteStream" => Self::Unpublish,
            "play" | "play2" | "FCSubscribe" => Self::Play,
            "_result" | "_error" | "onStatus" => Self::Answer,
            _ => Self::Unknown { call },
        })
    }
}

fn text(value: &Value) -> Option<Zeroizing<String>> {
    value.as_str().map(|text| Zeroizing::new(text.to_owned()))
}

/// What `onStatus` and its like can say.
#[derive(Clone, Copy)]
pub(super) enum Code {
    ConnectSuccess,
    PublishStart,
    /// The one refusal that OBS's librtmp knows and shows together with its description.
    PublishRejected,
    UnpublishSuccess,
    PlayFailed,
    CallFailed,
}

impl Code {
    fn level_and_name(self) -> (&'static str, &'static str) {
        match self {
            Self::ConnectSuccess => ("status", "NetConnection.Connect.Success"),
            Self::PublishStart => ("status", "NetStream.Publish.Start"),
            Self::PublishRejected => ("error", "NetStream.Publish.Rejected"),
            Self::UnpublishSuccess => ("status", "NetStream.Unpublish.Success"),
            Self::PlayFailed => ("error", "NetStream.Play.Failed"),
            Self::CallFailed => ("error", "NetConnection.Call.Failed"),
        }
    }

    fn write(self, writer: Writer, description: &str) -> Writer {
        let (level, name) = self.level_and_name();
        writer.field("level", level).field("code", name).field("description", description)
    }
}

pub(super) fn connected(call: f64) -> Vec<u8> {
    // The product and mask of the first public Flash Media Server; some encoders look for them.
    let server = Writer::default().string("_result").number(call).object();
    let server = server.field("fmsVer", "FMS/3,0,1,123").number_field("capabilities", 31.0).end();
    let outcome = Code::ConnectSuccess.write(server.object(), "Connected.");
    outcome.number_field("objectEncoding", 0.0).end().finish()
}

pub(super) fn done(call: f64) -> Vec<u8> {
    Writer::default().string("_result").number(call).null().finish()
}

pub(super) fn stream_created(call: f64, stream: u32) -> Vec<u8> {
    Writer::default().string("_result").number(call).null().number(f64::from(stream)).finish()
}

pub(super) fn call_failed(call: f64, description: &str) -> Vec<u8> {
    let head = Writer::default().string("_error").number(call).null().object();
    Code::CallFailed.write(head, description).end().finish()
}

pub(super) fn on_fc_publish() -> Vec<u8> {
    let head = Writer::default().string("onFCPublish").number(0.0).null().object();
    Code::PublishStart.write(head, "FCPublish taken.").end().finish()
}

pub(super) fn on_status(code: Code, description: &str) -> Vec<u8> {
    let head = Writer::default().string("onStatus").number(0.0).null().object();
    code.write(head, description).end().finish()
}

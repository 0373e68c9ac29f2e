//! Whether the declared hardware encoder can be used here: tried by a process of its own, before anything depends on it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nixcast_core::control::Condition;
use nixcast_schema::Encoder;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::mpsc;

use super::Input;
use super::orders::video_encoder;
use crate::tasks;

/// Longest a trial may take: drivers need a second or two to start a device that slept.
const DEADLINE: Duration = Duration::from_secs(10);

/// Most that is read of why it failed, bytes.
const MOST_WORDS: u64 = 2048;

/// What the newest trial said.
#[derive(Debug, Default)]
pub(super) struct Hardware {
    declared: Encoder,
    state: State,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing to try.
    #[default]
    Software,
    Trying,
    Usable,
    /// With the reason.
    Unusable(String),
}

impl Hardware {
    /// What encodes for now.
    pub(super) fn in_use(&self) -> Encoder {
        if self.state == State::Usable { self.declared } else { Encoder::X264 }
    }

    /// Whether a trial is under way.
    pub(super) fn is_trying(&self) -> bool {
        self.state == State::Trying
    }

    /// Takes up what is declared; true if that has to be tried first.
    pub(super) fn declare(&mut self, encoder: Encoder) -> bool {
        if encoder == self.declared {
            return false;
        }
        self.declared = encoder;
        self.state = if encoder == Encoder::X264 { State::Software } else { State::Trying };
        self.is_trying()
    }

    /// A broadcast begins: what could not be used may be usable by now. True if it is to be tried.
    pub(super) fn try_again(&mut self) -> bool {
        let is_worth_it = matches!(self.state, State::Unusable(_));
        if is_worth_it {
            self.state = State::Trying;
        }
        is_worth_it
    }

    /// The word of a trial; one of an encoder that is not declared any more is passed over.
    pub(super) fn take(&mut self, encoder: Encoder, result: Result<(), String>) {
        if encoder != self.declared || !self.is_trying() {
            return;
        }
        self.state = match result {
            Ok(()) => {
                tracing::info!(encoder = encoder.as_str(), "the hardware encoder works");
                State::Usable
            }
            Err(reason) => {
                tracing::warn!(encoder = encoder.as_str(), reason, "the hardware encoder cannot be used");
                State::Unusable(reason)
            }
        };
    }

    /// What the operator has to know.
    pub(super) fn condition(&self) -> Option<Condition> {
        let State::Unusable(reason) = &self.state else { return None };
        Some(fallback(self.declared, reason))
    }

    /// Starts a trial of the declared encoder, whose word comes to the inbox.
    pub(super) fn start_trial(&self, program: PathBuf, inbox: mpsc::WeakSender<Input>) {
        let encoder = self.declared;
        tasks::spawn("encoder-probe", async move {
            let result = probe(program, encoder).await;
            if let Some(inbox) = inbox.upgrade() {
                // The channel may have closed: the engine goes down.
                let _is_heard = inbox.send(Input::Probed { encoder, result }).await;
            }
        });
    }
}

/// The declared encoder is not the one that encodes.
pub(super) fn fallback(encoder: Encoder, reason: &str) -> Condition {
    let name = encoder.as_str();
    Condition {
        kind: "EncoderFallback".to_owned(),
        message: format!("{name} cannot be used, so x264 encodes instead: {reason}"),
    }
}

async fn probe(program: PathBuf, encoder: Encoder) -> Result<(), String> {
    let mut child = Command::new(program)
        .args(["transcode", "--probe", video_encoder(encoder).as_str()])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("it could not be tried: {error}"))?;
    let words = child.stdout.take();
    let trial = async {
        let mut said = Vec::new();
        if let Some(words) = words {
            words.take(MOST_WORDS).read_to_end(&mut said).await?;
        }
        Ok::<_, std::io::Error>((said, child.wait().await?))
    };
    match tokio::time::timeout(DEADLINE, trial).await {
        Err(_elapsed) => Err(format!("its driver did not answer within {} seconds", DEADLINE.as_secs())),
        Ok(Err(error)) => Err(format!("it could not be tried: {error}")),
        Ok(Ok((_, status))) if status.success() => Ok(()),
        Ok(Ok((said, status))) => {
            let said = String::from_utf8_lossy(&said);
            let said: String = said.trim().chars().filter(|character| !character.is_control()).collect();
            Err(if said.is_empty() { format!("its driver ended the trial with {status}") } else { said })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x264_encodes_until_the_declared_hardware_has_shown_that_it_works() {
        let mut hardware = Hardware::default();
        assert!(!hardware.declare(Encoder::X264) && hardware.in_use() == Encoder::X264);
        assert!(hardware.declare(Encoder::Vaapi) && hardware.is_trying());
        assert_eq!(hardware.in_use(), Encoder::X264);
        hardware.take(Encoder::Nvenc, Ok(()));
        assert!(hardware.is_trying(), "that was another one");
        hardware.take(Encoder::Vaapi, Err("no device".to_owned()));
        let told = hardware.condition().map(|condition| condition.message);
        assert_eq!(told.as_deref(), Some("vaapi cannot be used, so x264 encodes instead: no device"));
        assert!(hardware.try_again() && hardware.condition().is_none());
        hardware.take(Encoder::Vaapi, Ok(()));
        assert_eq!(hardware.in_use(), Encoder::Vaapi);
        assert!(!hardware.try_again(), "it works");
        assert!(!hardware.declare(Encoder::X264));
        assert_eq!((hardware.in_use(), hardware.condition()), (Encoder::X264, None));
    }

    #[tokio::test]
    async fn a_trial_that_cannot_be_made_or_fails_says_why() {
        let absent = probe("/nowhere/nixcast".into(), Encoder::Qsv).await;
        assert!(absent.is_err_and(|reason| reason.contains("could not be tried")));
        let silent = probe("/bin/false".into(), Encoder::Qsv).await;
        assert!(silent.is_err_and(|reason| reason.contains("ended the trial with")));
        let talkative = probe("/bin/echo".into(), Encoder::Qsv).await;
        assert!(talkative.is_ok(), "what ends well has worked");
    }
}

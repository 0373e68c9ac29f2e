//! Settings written in Nix, evaluated without NixOS.
//!
//! Runs the real `nix-instantiate` on the module that NixOS uses, which this binary carries, so that the same file
//! means the same on every Linux. Builds nothing and needs neither a daemon nor a writable store. Reports what Nix
//! says in Nix's words. When to evaluate is the caller's business.

mod inputs;
mod lookup;
mod module;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nixcast_schema::{Digest, MAX_DOCUMENT_BYTES};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tracing::warn;

/// A cold disk may have to read all of nixpkgs' lib; beyond this the file itself never ends.
const DEADLINE: Duration = Duration::from_secs(120);

/// What is kept of Nix's messages. A trace that is longer says nothing more.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// A settings file in Nix: an ordinary module that sets `services.nixcast`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NixSource {
    /// The file an operator edits.
    pub file: PathBuf,
    /// The nixpkgs whose `lib` evaluates it; none: `NIXCAST_NIXPKGS`, `<nixpkgs>`, then the fetched copy in the cache.
    pub nixpkgs: Option<PathBuf>,
}

/// What a settings file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// The settings document, not yet checked beyond what the module checks.
    pub json: String,
    /// The files it was made of, as far as they can be told, the settings file first.
    pub inputs: Vec<PathBuf>,
}

/// Why a settings file gave no document.
#[derive(Debug, thiserror::Error)]
pub enum NixError {
    #[error("the settings file {} cannot be read", file.display())]
    File {
        file: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("could not run nix-instantiate: install Nix (on Debian the package nix-bin)")]
    Start(#[source] io::Error),
    #[error("no nixpkgs found whose lib could evaluate the settings; tried {}", tried.join(", "))]
    NixpkgsMissing { tried: Vec<String> },
    #[error("could not write the module to a temporary folder")]
    Module(#[source] io::Error),
    #[error("could not read what nix-instantiate says")]
    Output(#[source] io::Error),
    #[error("the evaluation took longer than {0:?}")]
    Deadline(Duration),
    #[error("the document is larger than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    /// What Nix wrote, word for word.
    #[error("{0}")]
    Evaluation(String),
}

impl NixSource {
    /// Evaluates the file to a settings document. Warnings of the module go to the log.
    ///
    /// # Errors
    /// [`NixError::Evaluation`] with Nix's own text if the file has a fault, the others if it did not come to that.
    pub async fn evaluate(&self) -> Result<Evaluated, NixError> {
        self.evaluate_with(Path::new("nix-instantiate"), DEADLINE).await
    }

    async fn evaluate_with(&self, program: &Path, deadline: Duration) -> Result<Evaluated, NixError> {
        let unreadable = |cause| NixError::File { file: self.file.clone(), cause };
        let file = self.file.canonicalize().map_err(unreadable)?;
        let nixpkgs = lookup::nixpkgs(program, self.nixpkgs.as_deref()).await?;
        let module = module::write().map_err(NixError::Module)?;
        let child = command(program)
            .args(["--eval", "--strict", "--json", "--store", "dummy://"])
            .arg(module.path().join("eval.nix"))
            .args(["--argstr".as_ref(), "nixpkgs".as_ref(), nixpkgs.as_os_str()])
            .args(["--argstr".as_ref(), "file".as_ref(), file.as_os_str()])
            .spawn()
            .map_err(NixError::Start)?;
        let said = timeout(deadline, listen(child)).await.map_err(|_| NixError::Deadline(deadline))??;
        let json = said.document()?;
        Ok(Evaluated { json, inputs: self.inputs() })
    }

    /// The files the settings are made of, the settings file first: whatever it and the Nix files it names refer to
    /// by a relative path, and every Nix file in its folder. Found without evaluating, so a file with a fault in it
    /// is watched as well. At most 512.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        inputs::of(&self.file)
    }

    /// A digest of the content of all [inputs](Self::inputs): evaluating again makes sense only when it differs.
    ///
    /// # Errors
    /// When the settings file itself cannot be read.
    pub fn fingerprint(&self) -> io::Result<Digest> {
        inputs::fingerprint(&self.file)
    }
}

/// The evaluator with nothing to ask and nowhere to write. It dies with the future that waits for it.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    // A group that does not exist on a machine without a Nix daemon is not worth a warning in every report.
    let mut config = std::env::var("NIX_CONFIG").unwrap_or_default();
    config.push_str("\nbuild-users-group =");
    command.env("NIX_CONFIG", config).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// What an evaluation ended with.
struct Said {
    status: ExitStatus,
    answer: Vec<u8>,
    messages: Vec<u8>,
}

async fn listen(mut child: Child) -> Result<Said, NixError> {
    let (answer, messages) = (child.stdout.take(), child.stderr.take());
    let reading = async {
        tokio::try_join!(read_bounded(answer, MAX_DOCUMENT_BYTES + 1), read_bounded(messages, MAX_MESSAGE_BYTES))
    };
    let (answer, messages) = reading.await.map_err(NixError::Output)?;
    let status = child.wait().await.map_err(NixError::Output)?;
    Ok(Said { status, answer, messages })
}

/// Keeps the first bytes and reads on to the end, so that the writer is never held up.
async fn read_bounded(pipe: Option<impl AsyncRead + Unpin>, most: usize) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return Ok(kept) };
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    (&mut pipe).take(limit).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok(kept)
}

impl Said {
    fn document(self) -> Result<String, NixError> {
        let messages = String::from_utf8_lossy(&self.messages);
        let messages = messages.trim();
        if !self.status.success() {
            let told = if messages.is_empty() { self.status.to_string() } else { messages.to_owned() };
            return Err(NixError::Evaluation(told));
        }
        if self.answer.len() > MAX_DOCUMENT_BYTES {
            return Err(NixError::TooLarge);
        }
        for message in messages.lines().map(str::trim).filter(|message| !message.is_empty()) {
            warn!(message, "Nix remarks");
        }
        let json = String::from_utf8_lossy(&self.answer).trim().to_owned();
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::fs;

    use super::*;

    /// Evaluates with a script in the evaluator's place.
    async fn evaluate(script: &str, deadline: Duration) -> Result<Evaluated, NixError> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("nixpkgs/lib")).unwrap();
        fs::write(at("nixpkgs/lib/default.nix"), "{ }").unwrap();
        fs::write(at("settings.nix"), "{ }").unwrap();
        // Written by another process: a child that some other test starts meanwhile would inherit our descriptor, and a
        // file that is open for writing cannot be run.
        let written = std::process::Command::new("sh")
            .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\""])
            .args([at("nix").as_os_str(), script.as_ref()])
            .status();
        assert!(written.unwrap().success());
        let source = NixSource { file: at("settings.nix"), nixpkgs: Some(at("nixpkgs")) };
        source.evaluate_with(&at("nix"), deadline).await
    }

    #[tokio::test]
    async fn the_answer_is_the_document_and_remarks_do_not_spoil_it() {
        let evaluated = evaluate("echo 'trace: warning: no key' >&2; echo '{}'", DEADLINE).await.unwrap();
        assert_eq!(evaluated.json, "{}");
        assert!(evaluated.inputs[0].ends_with("settings.nix"));
    }

    #[tokio::test]
    async fn the_evaluator_is_handed_the_module_the_file_and_nixpkgs() {
        let script = r#"for last; do :; done
            test -f "$6" && test "$8" = nixpkgs && test -d "$9" && test -f "$last" && echo '{"good":true}'"#;
        let script = script.replace("$8", "${8}").replace("$6", "${6}");
        assert_eq!(evaluate(&script, DEADLINE).await.unwrap().json, r#"{"good":true}"#);
    }

    #[tokio::test]
    async fn a_fault_is_told_in_the_words_of_nix() {
        let error = evaluate("echo \"error: syntax error, unexpected '}'\" >&2; exit 1", DEADLINE).await.unwrap_err();
        assert_eq!(error.to_string(), "error: syntax error, unexpected '}'");
    }

    #[tokio::test]
    async fn an_endless_evaluation_and_an_endless_answer_are_cut_off() {
        let error = evaluate("exec sleep 60", Duration::from_millis(100)).await.unwrap_err();
        assert!(matches!(error, NixError::Deadline(_)), "{error}");
        let error = evaluate("head -c 3000000 /dev/zero", DEADLINE).await.unwrap_err();
        assert!(matches!(error, NixError::TooLarge), "{error}");
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let source = NixSource { file: "/nonexistent/settings.nix".into(), nixpkgs: None };
        assert!(source.evaluate().await.unwrap_err().to_string().contains("/nonexistent/settings.nix"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.nix");
        fs::write(&file, "{ }").unwrap();
        let source = NixSource { file, nixpkgs: Some("/nonexistent/nixpkgs".into()) };
        let told = source.evaluate().await.unwrap_err().to_string();
        assert!(told.contains("--nixpkgs /nonexistent/nixpkgs"), "{told}");
    }
}

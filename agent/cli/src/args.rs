//! Arguments, as `--help` explains them.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use nixcast_media::protocol::VideoEncoder;

/// Live streaming whose every setting is declared in Nix: a setting changes, and nobody is cut off.
#[derive(Debug, Parser)]
#[command(name = "nixcast", version, max_term_width = 100)]
pub(crate) struct Args {
    /// How log lines are written, to standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a settings document: 0 good, 1 problems
    Validate(Validate),
    /// Show what would change, and when it would take hold: 0 nothing, 2 changes, 1 refused, 3 unreachable
    Plan(Plan),
    /// Apply settings and wait: 0 converged, 1 refused, 2 held or not in time, 3 unreachable
    Apply(Apply),
    /// Show what is declared, what runs and who publishes: 0 all that is declared runs, 1 not, 3 unreachable
    Status(Status),
    /// Show what was accepted and refused, and what became of it
    History(Status),
    /// Show what differs between two accepted generations, or files: 0 nothing, 2 differences, 1 not found
    Diff(Diff),
    /// Print the JSON schema of the settings document
    Schema(Schema),
    /// Run the engine: publishers, viewers, video (started by the service manager)
    Engine(Engine),
    /// Run the agent: keeps the engine at the declared settings (started by the service manager)
    Agent(Agent),
    /// Run everything in the foreground, without systemd
    Run(Run),
    /// The engine's worker
    #[command(hide = true)]
    Transcode(Transcode),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Transcode {
    /// What encodes
    #[arg(long, default_value = "x264")]
    pub(crate) encoder: VideoEncoder,
    /// Try this encoder instead, say why it cannot be used, and end
    #[arg(long)]
    pub(crate) probe: Option<VideoEncoder>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Validate {
    /// Settings document, JSON
    pub(crate) file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Plan {
    /// Settings document to plan for, instead of the agent's source
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Apply {
    /// Settings document to apply; stands until the agent's source changes
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// How long to wait; without a number, services.nixcast.reconcile.timeoutSeconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, value_parser = clap::value_parser!(u32).range(..=86_400))]
    #[expect(clippy::option_option, reason = "clap's shape for an option whose value may be left out")]
    pub(crate) wait: Option<Option<u32>>,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Diff {
    /// A generation's number, "newest", or a settings file (JSON; write ./7 for a file called 7)
    #[arg(value_name = "A")]
    pub(crate) before: Side,
    /// The same, to compare with [default: newest]
    #[arg(value_name = "B")]
    pub(crate) after: Option<Side>,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

/// A document to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Generation(u64),
    Newest,
    File(PathBuf),
}

impl From<&str> for Side {
    fn from(word: &str) -> Self {
        match word.parse() {
            Ok(generation) => Self::Generation(generation),
            Err(_) if word == "newest" => Self::Newest,
            Err(_) => Self::File(word.into()),
        }
    }
}

/// For every command that asks the agent.
#[derive(Debug, ClapArgs)]
pub(crate) struct Ask {
    /// The agent's socket [default: /run/nixcast-agent/agent.sock, else ./.nixcast/agent.sock]
    #[arg(long, value_name = "PATH", env = "NIXCAST_AGENT_SOCKET")]
    pub(crate) agent_socket: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Schema {
    /// The schema is JSON anyway
    #[arg(long, hide = true)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Engine {
    /// Unix socket to listen on for the agent
    #[arg(long, value_name = "PATH")]
    pub(crate) control_socket: PathBuf,
    /// Folder for what a broadcast needs to go on after a restart of the engine; without it none does
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Log in JSON, as with --log-format json: a server has no other output
    #[arg(long)]
    pub(crate) json: bool,
    /// End when standard input ends
    #[arg(long, hide = true)]
    pub(crate) until_stdin_ends: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Agent {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The engine's control socket
    #[arg(long, value_name = "PATH")]
    pub(crate) engine_socket: PathBuf,
    /// Unix socket to listen on for commands
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,
    /// Folder of the ledger of accepted settings
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: PathBuf,
    /// Log in JSON, as with --log-format json: a server has no other output
    #[arg(long)]
    pub(crate) json: bool,
    /// End when standard input ends
    #[arg(long, hide = true)]
    pub(crate) until_stdin_ends: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Folder for sockets, the ledger of accepted settings, and what a broadcast needs to go on after a restart
    #[arg(long, value_name = "DIR", default_value = crate::run::DEFAULT_STATE_DIR)]
    pub(crate) state_dir: PathBuf,
    /// Print one JSON line for each change of the status instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, ClapArgs)]
#[group(skip)]
pub(crate) struct SourceArgs {
    /// Settings document, JSON; read again when it changes
    #[arg(long, value_name = "FILE", required_unless_present = "nix", conflicts_with = "nix")]
    pub(crate) settings: Option<PathBuf>,
    /// Settings in Nix, a module that sets services.nixcast; evaluated again when it changes
    #[arg(long, value_name = "FILE")]
    pub(crate) nix: Option<PathBuf>,
    /// The nixpkgs whose lib evaluates --nix
    #[arg(long, value_name = "PATH", conflicts_with = "settings")]
    pub(crate) nixpkgs: Option<PathBuf>,
}

impl Args {
    /// How to write log lines: `--json` of a server means its log.
    pub(crate) const fn log_format(&self) -> LogFormat {
        match &self.command {
            Command::Engine(Engine { json: true, .. }) | Command::Agent(Agent { json: true, .. }) => LogFormat::Json,
            _ => self.log_format,
        }
    }
}

impl Command {
    /// Servers tell their story; commands speak through their output and warn only; `run` on a terminal as well.
    pub(crate) const fn default_log_level(&self) -> &'static str {
        match self {
            Self::Engine(_) | Self::Agent(_) | Self::Transcode(_) => "info",
            Self::Validate(_)
            | Self::Plan(_)
            | Self::Apply(_)
            | Self::Status(_)
            | Self::History(_)
            | Self::Diff(_)
            | Self::Schema(_)
            | Self::Run(_) => "warn",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn wait_takes_a_number_or_none() {
        for (words, want) in [
            (vec!["nixcast", "apply"], None),
            (vec!["nixcast", "apply", "--wait"], Some(None)),
            (vec!["nixcast", "apply", "--wait", "5"], Some(Some(5))),
        ] {
            let Command::Apply(apply) = Args::try_parse_from(words).unwrap().command else { unreachable!() };
            assert_eq!(apply.wait, want);
        }
    }

    #[test]
    fn a_side_is_a_generation_or_a_file() {
        let Command::Diff(diff) = Args::try_parse_from(["nixcast", "diff", "7"]).unwrap().command else {
            unreachable!()
        };
        assert_eq!((diff.before, diff.after), (Side::Generation(7), None));
        for (word, want) in
            [("newest", Side::Newest), ("./7", Side::File("./7".into())), ("a.json", Side::File("a.json".into()))]
        {
            assert_eq!(Side::from(word), want);
        }
    }

    #[test]
    fn every_command_takes_json() {
        for words in [
            &["validate", "f"][..],
            &["plan"],
            &["apply"],
            &["status"],
            &["history"],
            &["diff", "1"],
            &["schema"],
            &["engine", "--control-socket", "s"],
            &["agent", "--settings", "f", "--engine-socket", "e", "--socket", "s", "--state-dir", "d"],
            &["run", "--settings", "f"],
        ] {
            let args = Args::try_parse_from([&["nixcast"], words, &["--json"]].concat()).unwrap();
            let is_server = matches!(args.command, Command::Engine(_) | Command::Agent(_));
            assert_eq!(args.log_format() == LogFormat::Json, is_server, "{words:?}");
        }
    }

    #[test]
    fn a_source_is_either_json_or_nix() {
        let run = |words: &[&str]| Args::try_parse_from([&["nixcast", "run"], words].concat()).is_ok();
        assert!(run(&["--settings", "a"]));
        assert!(run(&["--nix", "a", "--nixpkgs", "b"]));
        assert!(!run(&[]));
        assert!(!run(&["--settings", "a", "--nix", "b"]));
        assert!(!run(&["--settings", "a", "--nixpkgs", "b"]));
    }
}

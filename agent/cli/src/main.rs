//! The `nixcast` command: reads arguments, joins the crates, prints. Decides nothing about streams or settings.
#![forbid(unsafe_code)]

mod agent_socket;
mod args;
mod commands;
mod lifeline;
mod log;
mod memory;
mod output;
mod run;
mod service;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let keeps = matches!(args.command, Command::Engine(_));
    log::start(args.log_format(), args.command.default_log_level(), keeps);
    commands::execute(args.command)
}

//! Telling systemd how it stands, where it asked to be told (NOTIFY_SOCKET).

use sd_notify::NotifyState;

/// Sends a state; a service manager that does not listen is no reason to stop.
pub(crate) fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "could not tell the service manager");
    }
}

/// Up, with a line for `systemctl status`.
pub(crate) fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

//! The machine's own name in its tailnet, so that `tailscale serve` works without configuration. It asks the program that
//! is installed; it must never change anything there.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use agent_core::task::Tasks;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::router::AppState;

const PROGRAM: &str = "tailscale";
const PATIENCE: Duration = Duration::from_secs(5);
/// Tailscale may be started, or the machine join, after us.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
const MAX_ANSWER_BYTES: u64 = 1_000_000;

/// Looks for the name in the background until it is known, and lets the server answer to it.
pub(crate) fn start(state: AppState, tasks: &Tasks) {
    let stop = tasks.stopping();
    tasks.spawn("tailnet-name", async move {
        let search = async {
            loop {
                match name(OsStr::new(PROGRAM)).await {
                    Ok(Some(name)) => {
                        state.answer_to(&name);
                        tracing::info!(name, "this machine has a name in a tailnet; requests to it are answered");
                        return;
                    }
                    Ok(None) => {}
                    // Not installed: nothing to wait for.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                    Err(error) => tracing::debug!(%error, "cannot ask tailscale for this machine's name"),
                }
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = search => {}
        }
    });
}

/// What `tailscale status` says this machine is called; `None` when it is in no tailnet now.
async fn name(program: &OsStr) -> io::Result<Option<String>> {
    let mut child = Command::new(program)
        .args(["status", "--json", "--peers=false"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let Some(output) = child.stdout.take() else { return Ok(None) };
    let answer = async {
        let mut bytes = Vec::new();
        output.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes).await?;
        child.wait().await?;
        Ok::<_, io::Error>(bytes)
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(bytes) => Ok(parse(&bytes?)),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "tailscale does not answer")),
    }
}

fn parse(status: &[u8]) -> Option<String> {
    // silent-ok: while it is stopped, tailscale answers with words instead
    let status: serde_json::Value = serde_json::from_slice(status).ok()?;
    if status.get("BackendState")?.as_str()? != "Running" {
        return None;
    }
    let name = status.get("Self")?.get("DNSName")?.as_str()?.trim_end_matches('.');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_name_is_read_only_while_the_machine_is_in_a_tailnet() {
        let status = |state: &str, name: &str| {
            parse(serde_json::json!({ "BackendState": state, "Self": { "DNSName": name } }).to_string().as_bytes())
        };
        assert_eq!(status("Running", "box.tail1234.ts.net.").as_deref(), Some("box.tail1234.ts.net"));
        assert_eq!(status("Stopped", "box.tail1234.ts.net."), None);
        assert_eq!(status("Running", ""), None);
        assert_eq!(parse(b"Tailscale is stopped."), None);
    }

    #[tokio::test]
    async fn the_installed_program_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("tailscale");
        let script = "#!/bin/sh\n[ \"$*\" = 'status --json --peers=false' ] || exit 1\n\
                      echo '{\"BackendState\":\"Running\",\"Self\":{\"DNSName\":\"box.tail1.ts.net.\"}}'\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(name(program.as_os_str()).await.unwrap().as_deref(), Some("box.tail1.ts.net"));
        let missing = name(dir.path().join("none").as_os_str()).await.unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}

//! The beginning of a run: the lease is taken over, the workspace made, the assignment written.

use std::path::PathBuf;

use protocol::{CardRef, ExecutorKind, RunEventKind, WorkspaceKind};

use super::{Assignment, NewRunEvent, Owned, RunTicket, append, lease_until, own, renew};
use crate::kanban::card_row::{CardRow, load};
use crate::kanban::event::{self, NewEvent};
use crate::kanban::{KanbanError, board_store, claim, context, review};
use crate::process::Identity;
use crate::{Core, profiles, workspaces};

pub(super) const START: &str = "UPDATE kanban_run
    SET started_at = COALESCE(started_at, ?2), heartbeat_at = ?2, lease_until = ?3, workspace = ?4 WHERE id = ?1";
pub(super) const SET_MODEL: &str = "UPDATE kanban_run SET model = ?2 WHERE id = ?1";
pub(super) const SET_WORKSPACE: &str = "UPDATE kanban_card
    SET workspace_path = ?2, branch = COALESCE(?3, branch), base_commit = COALESCE(?4, base_commit),
        head_commit = NULL WHERE id = ?1";

/// The bounds of a lease that somebody outside of Hermes asks for: a minute and a day.
pub const SHORTEST_LEASE_SECONDS: u32 = 60;
/// See [`SHORTEST_LEASE_SECONDS`].
pub const LONGEST_LEASE_SECONDS: u32 = 86_400;

/// The worker's first words: takes the lease over from the dispatcher and returns what to do.
/// `pid` and `pid_started` are those of the calling process (see [`crate::process`]).
///
/// Between two transactions the workspace is made, which can take minutes for a large repository; the run is fenced
/// in both.
///
/// # Errors
/// `Fenced` when the card is no longer this run's; `Invalid` when its workspace or profile cannot be used.
pub async fn start(core: &Core, ticket: RunTicket, pid: u32, pid_started: i64) -> Result<Assignment, KanbanError> {
    let (owned, briefing) = begin(core, ticket, Some(Identity { pid, started: pid_started }), None).await?;
    assignment(core, ticket, owned, briefing)
}

/// Starts a run whose worker is no process that Hermes knows: only its lease tells whether it is still there. The card is
/// kept for so many seconds without a sign of life, as long as any when none are given, and never longer than its longest
/// run.
///
/// # Errors
/// As [`start`]; `Invalid` for a lease that is too short or too long.
pub async fn start_outside(
    core: &Core,
    ticket: RunTicket,
    lease_seconds: Option<u32>,
) -> Result<OutsideWork, KanbanError> {
    let bounds = SHORTEST_LEASE_SECONDS..=LONGEST_LEASE_SECONDS;
    if lease_seconds.is_some_and(|seconds| !bounds.contains(&seconds)) {
        return Err(KanbanError::Invalid("a card is claimed for a minute at least and a day at most".into()));
    }
    let (owned, briefing) = begin(core, ticket, None, lease_seconds).await?;
    Ok(OutsideWork {
        card: owned.card.number,
        run: ticket.run,
        fence: ticket.fence,
        board: briefing.board,
        workspace: briefing.workspace,
        context: briefing.context,
        lease_until: briefing.lease_until,
    })
}

/// What somebody outside of Hermes needs to work on a card.
#[derive(Debug, Clone, serde::Serialize)]
pub struct OutsideWork {
    /// Card number.
    pub card: i64,
    /// The run, for `HERMES_KANBAN_RUN_ID`.
    pub run: protocol::RunId,
    /// Its fencing token, for `HERMES_KANBAN_FENCE`.
    pub fence: i64,
    /// Board slug.
    pub board: String,
    /// Where to work; exists.
    pub workspace: PathBuf,
    /// What a worker reads first.
    pub context: String,
    /// When the card is taken back unless a heartbeat came, Unix ms.
    pub lease_until: i64,
}

async fn begin(
    core: &Core,
    ticket: RunTicket,
    process: Option<Identity>,
    lease_seconds: Option<u32>,
) -> Result<(Owned, Briefing), KanbanError> {
    let mut tx = core.write().await?;
    let claimed = own(&mut tx, ticket).await?;
    if let Some(process) = process {
        claim::remember_process_in(&mut tx, ticket.run, claimed.card.id.0, process).await?;
    }
    renew(core, &mut tx, ticket).await?;
    tx.commit().await?;
    let place = prepare_workspace(core, &claimed.card).await?;

    let mut tx = core.write().await?;
    let mut owned = own(&mut tx, ticket).await?;
    let shown = place.path.to_string_lossy().into_owned();
    let lease_until = match lease_seconds {
        None => lease_until(core),
        Some(seconds) => (core.now_ms() + i64::from(seconds) * 1000).min(deadline(core, &owned)),
    };
    sqlx::query(START).bind(ticket.run.0).bind(core.now_ms()).bind(lease_until).bind(&shown).execute(&mut *tx).await?;
    sqlx::query(SET_WORKSPACE)
        .bind(owned.card.id.0)
        .bind(&shown)
        .bind(&place.branch)
        .bind(&place.base_commit)
        .execute(&mut *tx)
        .await?;
    owned.card = load(&mut tx, CardRef::Id(owned.card.id)).await?;
    if owned.executor == ExecutorKind::Agent {
        let config = core.config();
        let model = owned.card.model.as_deref().unwrap_or(&config.model.default);
        sqlx::query(SET_MODEL).bind(ticket.run.0).bind(model).execute(&mut *tx).await?;
    }
    let started = NewRunEvent { kind: RunEventKind::Started, name: String::new(), detail: shown, ok: true };
    append(core, &mut tx, ticket, owned.events, vec![started]).await?;
    let actor = owned.actor(ticket);
    let event = NewEvent {
        card: &owned.card,
        run: Some(ticket.run),
        kind: "started",
        actor: &actor,
        detail: serde_json::json!({ "attempt": owned.card.attempts }),
        at: core.now_ms(),
    };
    event::append(&mut tx, event).await?;
    let board = board_store::by_id(&mut tx, owned.card.board_id).await?;
    let context = context::text(core, &mut tx, &owned.card, &owned.profile).await?;
    let card_json = context::json(core, &mut tx, &owned.card).await?;
    tx.commit().await?;
    Ok((owned, Briefing { board: board.slug, workspace: place.path, context, card_json, lease_until }))
}

/// What was made ready for a run.
struct Briefing {
    board: String,
    workspace: PathBuf,
    context: String,
    card_json: serde_json::Value,
    lease_until: i64,
}

/// When the run must be over, Unix ms.
fn deadline(core: &Core, owned: &Owned) -> i64 {
    let runtime = owned.card.max_runtime_s.unwrap_or(core.config().kanban.max_runtime_seconds);
    owned.claimed_at.saturating_add(i64::from(runtime) * 1000)
}

fn assignment(core: &Core, ticket: RunTicket, owned: Owned, ready: Briefing) -> Result<Assignment, KanbanError> {
    let profile = profiles::find(core.home(), &owned.profile)
        .map_err(|error| KanbanError::Invalid(error.to_string()))?
        .ok_or_else(|| KanbanError::Invalid(format!("there is no profile \"{}\" on this machine", owned.profile)))?;
    let deadline = deadline(core, &owned);
    let kanban = &core.config().kanban;
    Ok(Assignment {
        ticket,
        number: owned.card.number,
        attempt: owned.card.attempts,
        title: owned.card.title,
        body: owned.card.body,
        board: ready.board,
        profile: owned.profile,
        executor: owned.executor,
        command: profile.command,
        workspace: ready.workspace,
        workspace_kind: owned.card.workspace_kind,
        session: owned.session,
        context: ready.context,
        card_json: ready.card_json,
        deadline,
        model: owned.card.model,
        max_turns: kanban.max_turns,
        lease_seconds: kanban.claim_ttl_seconds,
    })
}

/// Where a run works.
struct Place {
    path: PathBuf,
    branch: Option<String>,
    base_commit: Option<String>,
}

/// The directory to work in. A scratch directory and a worktree are made; somebody's directory must exist.
async fn prepare_workspace(core: &Core, card: &CardRow) -> Result<Place, KanbanError> {
    use std::os::unix::fs::DirBuilderExt;
    let plain = |path: PathBuf| Place { path, branch: None, base_commit: None };
    match card.workspace_kind {
        WorkspaceKind::Dir => {
            let path = PathBuf::from(card.workspace_path.as_deref().unwrap_or_default());
            if path.is_absolute() && path.is_dir() {
                return Ok(plain(path));
            }
            Err(KanbanError::Invalid(format!(
                "the card's directory {} is gone; make it again, or edit the card and name another one",
                path.display()
            )))
        }
        WorkspaceKind::Worktree => {
            let wanted = review::wanted(card)?;
            let tree = workspaces::prepare(core.home(), wanted).await.map_err(review::explain)?;
            Ok(Place { path: tree.path, branch: Some(tree.branch), base_commit: Some(tree.base_commit) })
        }
        WorkspaceKind::Scratch => {
            let path = workspaces::place(core.home(), card.number);
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| {
                KanbanError::Invalid(format!("the workspace {} cannot be made: {error}", path.display()))
            })?;
            Ok(plain(path))
        }
    }
}

//! Several workers on one goal: they work side by side, a verifier checks what they did, a synthesizer puts it
//! together. All cards are made in one transaction, or none.

use protocol::{
    CardLink, CardRef, CardState, CreateCardParams, MAX_PROPOSED, SwarmMade, SwarmParams, SwarmWorker, UndoId,
};
use sqlx::SqliteConnection;

use super::accept::{link_to, require_profile};
use super::store;
use crate::decisions::RELEASE_HOLD_MS;
use crate::kanban::card_row::{CardRow, load};
use crate::kanban::create::create_in;
use crate::kanban::transition::{self, Cause, Transition};
use crate::kanban::undo::{self, Inverse};
use crate::kanban::{KanbanError, input, store as card_store};
use crate::{Actor, Core, text};

const WORKER_BODY: &str = include_str!("../../../prompts/swarm_worker.md");
const VERIFIER_BODY: &str = include_str!("../../../prompts/swarm_verifier.md");
const SYNTHESIZER_BODY: &str = include_str!("../../../prompts/swarm_synthesizer.md");

/// Makes a swarm. The card they share is finished at once: it holds the goal, and its comments are what they tell each
/// other. A key that was used before makes nothing: the answer names the swarm that is there.
///
/// # Errors
/// `Invalid` without a goal or workers, for unknown profiles and bad texts; `Conflict` when the key is that of something else, or of a swarm
/// of which cards were deleted. Nothing is made then.
pub async fn create_swarm(core: &Core, actor: &Actor, params: SwarmParams) -> Result<SwarmMade, KanbanError> {
    check(core, &params)?;
    let mut tx = core.write().await?;
    let (root, is_new) = create_in(core, &mut tx, actor, &root_of(&params)).await?;
    if !is_new {
        return present(&mut tx, &root).await; // nothing was written, so nothing is committed
    }
    let mut finished = Transition::new(Cause::Person, CardState::Done, "completed");
    finished.summary = Some(params.goal.trim().to_owned());
    // By which they are found again: cards of one transaction are numbered in a row.
    finished.detail = serde_json::json!({ "swarm": params.workers.len() + 2 });
    let root = transition::apply(core, &mut tx, actor, &root, finished).await?;
    let mut cards = Vec::new();
    let mut after = vec![CardRef::Id(root.id)];
    for worker in &params.workers {
        let body = WORKER_BODY.replace("{root}", &root.label()).replace("{part}", worker.title.trim());
        let title = worker.title.trim().to_owned();
        let part = Part { title, body, assignee: &worker.profile, skills: &worker.skills, after: &after[..1] };
        cards.push(part.create(core, &mut tx, actor, &params).await?);
    }
    after.extend(cards.iter().map(|card: &CardRow| CardRef::Id(card.id)));
    let name = text::excerpt(&root.title, 200);
    for (what, body, assignee) in
        [("Check", VERIFIER_BODY, &params.verifier), ("Put together", SYNTHESIZER_BODY, &params.synthesizer)]
    {
        let (title, body) = (format!("{what}: {name}"), body.replace("{root}", &root.label()));
        let card =
            Part { title, body, assignee, skills: &[], after: &after }.create(core, &mut tx, actor, &params).await?;
        after.push(CardRef::Id(card.id));
        cards.push(card);
    }
    let batch = UndoId(card_store::new_id());
    for card in std::iter::once(&root).chain(&cards) {
        let card = load(&mut tx, CardRef::Id(card.id)).await?;
        undo::offer_in(core, &mut tx, actor, &card, &Inverse::Delete, Some(batch)).await?;
    }
    tx.commit().await?;
    let links = cards.iter().map(link_to).collect();
    made(link_to(&root), links, true, actor.is_person().then_some(batch))
}

fn check(core: &Core, params: &SwarmParams) -> Result<(), KanbanError> {
    input::needed_text("goal", &params.goal)?;
    if params.workers.is_empty() || params.workers.len() > MAX_PROPOSED {
        return Err(KanbanError::Invalid(format!("a swarm has 1 to {MAX_PROPOSED} workers")));
    }
    for SwarmWorker { profile, title, .. } in &params.workers {
        input::title(title)?;
        require_profile(core, profile.as_deref())?;
    }
    require_profile(core, params.verifier.as_deref())?;
    require_profile(core, params.synthesizer.as_deref())
}

fn root_of(params: &SwarmParams) -> CreateCardParams {
    let goal = params.goal.trim();
    CreateCardParams {
        board: params.board.clone(),
        title: text::excerpt(goal.lines().next().unwrap_or(goal), 200),
        body: goal.to_owned(),
        priority: params.priority,
        tenant: params.tenant.clone(),
        triage: true, // never ready, not even for a moment
        idempotency_key: params.idempotency_key.clone(),
        ..CreateCardParams::default()
    }
}

/// A card of the swarm.
struct Part<'a> {
    title: String,
    body: String,
    assignee: &'a Option<String>,
    skills: &'a [String],
    after: &'a [CardRef],
}

impl Part<'_> {
    async fn create(
        self,
        core: &Core,
        tx: &mut SqliteConnection,
        actor: &Actor,
        swarm: &SwarmParams,
    ) -> Result<CardRow, KanbanError> {
        let params = CreateCardParams {
            board: swarm.board.clone(),
            title: self.title,
            body: self.body,
            assignee: self.assignee.clone(),
            skills: self.skills.to_vec(),
            parents: self.after.to_vec(),
            priority: swarm.priority,
            tenant: swarm.tenant.clone(),
            ..CreateCardParams::default()
        };
        let (card, _) = create_in(core, tx, actor, &params).await?;
        store::hold(tx, card.id, core.now_ms() + RELEASE_HOLD_MS).await?;
        Ok(card)
    }
}

/// The swarm that was made first with this key.
async fn present(tx: &mut SqliteConnection, root: &CardRow) -> Result<SwarmMade, KanbanError> {
    let Some(size) = store::swarm_size(tx, root.id).await? else {
        return Err(KanbanError::Conflict(format!("{} has this key already; choose another key", root.label())));
    };
    let mut links = Vec::new();
    for number in root.number + 1..=root.number + size {
        match load(tx, CardRef::Number(number)).await {
            Ok(card) => links.push(link_to(&card)),
            Err(KanbanError::NotFound(_)) => {
                return Err(KanbanError::Conflict(format!(
                    "the swarm of {} has this key already, and T-{number} of it was deleted; choose another key",
                    root.label()
                )));
            }
            Err(error) => return Err(error),
        }
    }
    made(link_to(root), links, false, None)
}

/// The last two are verifier and synthesizer.
fn made(
    root: CardLink,
    mut cards: Vec<CardLink>,
    created: bool,
    undo: Option<UndoId>,
) -> Result<SwarmMade, KanbanError> {
    match (cards.pop(), cards.pop()) {
        (Some(synthesizer), Some(verifier)) if !cards.is_empty() => {
            Ok(SwarmMade { root, workers: cards, verifier, synthesizer, created, undo })
        }
        _ => Err(KanbanError::Conflict("the swarm is not whole".into())),
    }
}

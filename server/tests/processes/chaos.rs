//! Everything at once: two dispatchers, and workers that are killed, stopped, asked to end and taken away at random.

use std::time::{Duration, Instant};

use agent_core::{Core, kanban};
use protocol::{CardRef, CardState, RetryCardParams, RunOutcome, TaskCard};

use super::{Place, check_invariants, create, detail, me, no_finished_card_has_a_worker, wait_until};

const CARDS: usize = 12;
const BLOWS: u32 = 40;

/// Tells when an earlier process of the card still lives, is slow, and counts its ends.
const WORK: &str = r#"
for pid in $(cat pids 2> /dev/null); do case $(ps -o stat= -p "$pid") in ''|Z*) ;; *) echo "$pid" >> both ;; esac; done
echo $$ >> pids
sleep 0.$(($$ % 5))
echo "$HERMES_KANBAN_TASK" >> ../../ended.txt
"#;

/// The same numbers every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // Steele and Vigna's multiplier; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// The processes of runs under way.
async fn workers(core: &Core) -> Vec<u32> {
    let sql = "SELECT p.pid FROM kanban_process p JOIN kanban_run r ON r.id = p.run_id WHERE r.ended_at IS NULL
               ORDER BY p.pid";
    sqlx::query_scalar(sql).fetch_all(core.store().reader()).await.unwrap()
}

/// It may have ended by itself by now.
fn signal(name: &str, pid: u32) {
    std::process::Command::new("kill")
        .args([name, &pid.to_string()])
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
}

async fn strike(core: &Core, dice: &mut Dice, cards: &[TaskCard]) {
    let running = workers(core).await;
    let card = CardRef::Id(cards[dice.roll(cards.len())].id);
    match (dice.roll(6), running.is_empty()) {
        (0..=2, false) => signal("-KILL", running[dice.roll(running.len())]),
        (3, false) => signal("-STOP", running[dice.roll(running.len())]),
        (4, false) => signal("-TERM", running[dice.roll(running.len())]),
        // Refused where no worker has it.
        _ => drop(kanban::reclaim_card(core, &me(), card, "a person wants it back").await),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_whose_workers_are_killed_stopped_and_taken_away_end_once_and_never_run_twice_at_a_time() {
    let place = Place::with_config(WORK, 4, "  claim_ttl_seconds: 3\n  start_ttl_seconds: 3\n  failure_limit: 99\n");
    let core = place.core().await;
    let mut cards = Vec::new();
    for index in 0..CARDS {
        cards.push(create(&core, &format!("card {index}")).await);
    }
    let other = place.core().await;
    let tasks = [place.dispatch(&core), place.dispatch(&other)];
    let mut dice = Dice(42);
    for blow in 0..BLOWS {
        // What is done is brought back, so that there is always something to strike.
        for card in &cards {
            if kanban::card(&core, CardRef::Id(card.id)).await.unwrap().state == CardState::Done {
                let to = protocol::MoveCardParams {
                    id: card.id,
                    revision: None,
                    to: CardState::Ready,
                    after: None,
                    before: None,
                };
                kanban::move_card(&core, &me(), to).await.unwrap();
            }
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while workers(&core).await.is_empty() {
            assert!(Instant::now() < deadline, "nothing starts any more after blow {blow}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        strike(&core, &mut dice, &cards).await;
        check_invariants(&core).await;
    }
    for card in &cards {
        if kanban::card(&core, CardRef::Id(card.id)).await.unwrap().state == CardState::Ready {
            // Nobody waits here for the end of a pause after a failure. Refused when it has just begun.
            let again = RetryCardParams { id: card.id, assignee: None, model: None, comment: String::new() };
            drop(kanban::retry_card(&core, &me(), again).await);
        }
        let done = wait_until(&core, card, "done", |now| now.card.state == CardState::Done).await;
        let ended = done.runs.iter().all(|run| run.outcome.is_some() && run.ended_at.is_some());
        assert!(ended, "{:#?}", done.runs);
        let both = place.path().join(format!("workspaces/T-{}/both", card.number));
        assert!(!both.exists(), "T-{} had two live workers", card.number);
    }
    let of = async |outcome: RunOutcome| -> i64 {
        let sql = "SELECT count(*) FROM kanban_run WHERE outcome = ?1";
        sqlx::query_scalar(sql).bind(outcome.as_str()).fetch_one(core.store().reader()).await.unwrap()
    };
    assert!(of(RunOutcome::Crashed).await > 0, "the blows hit nobody");
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM kanban_event WHERE kind = 'completed'")
        .fetch_one(core.store().reader())
        .await
        .unwrap();
    assert_eq!(told, of(RunOutcome::Completed).await, "each end is told once");
    let ends = std::fs::read_to_string(place.path().join("ended.txt")).unwrap().lines().count();
    assert!(i64::try_from(ends).unwrap() >= told, "nobody's work was called done that did not end");
    no_finished_card_has_a_worker(&core).await;
    for tasks in &tasks {
        tasks.shut_down().await;
    }
    check_invariants(&core).await;
    assert_eq!(detail(&core, &cards[0]).await.card.failures, 0, "success forgets the failures");
}

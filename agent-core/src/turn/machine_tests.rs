//! Every way through the machine, and that it goes on after being stored at any point.

use super::{Admission, End, LAST_TURN, Machine, Step, Verdict};
use crate::llm::{Answer, FinishReason, Message, ToolCall};

fn says(text: &str) -> Answer {
    Answer { text: text.into(), finish: Some(FinishReason::Stop), ..Answer::default() }
}

fn calls(list: &[(&str, &str, &str)]) -> Answer {
    let tool_calls = list.iter().map(|(id, name, arguments)| ToolCall {
        id: (*id).into(),
        name: (*name).into(),
        arguments: (*arguments).into(),
    });
    Answer { tool_calls: tool_calls.collect(), finish: Some(FinishReason::ToolCalls), ..Answer::default() }
}

/// Through JSON and back, as a restart does.
fn stored(machine: Machine) -> Machine {
    serde_json::from_str(&serde_json::to_string(&machine).unwrap()).unwrap()
}

/// Every call has exactly one answer, after it.
fn check_no_orphans(messages: &[Message]) {
    let mut open: Vec<String> = Vec::new();
    for message in messages {
        match message {
            Message::Assistant { tool_calls, .. } => {
                assert!(open.is_empty(), "unanswered {open:?}");
                open = tool_calls.iter().map(|call| call.id.clone()).collect();
            }
            Message::Tool { call_id, .. } => {
                let at = open.iter().position(|id| id == call_id).expect("an answer without a call");
                open.remove(at);
            }
            Message::User { .. } => assert!(open.is_empty(), "unanswered {open:?}"),
            Message::System { .. } => {}
        }
    }
    assert!(open.is_empty(), "unanswered {open:?}");
}

#[test]
fn tools_run_in_order_and_a_handed_over_card_ends_it() {
    let mut machine = Machine::new(10);
    let mut messages = Vec::new();
    assert_eq!(machine.next_step(), Step::CallModel);
    messages.extend(machine.model_answered(calls(&[
        ("a", "terminal", "{}"),
        ("b", "kanban_complete", "{}"),
        ("c", "terminal", "{}"),
    ])));
    machine = stored(machine);
    assert!(matches!(machine.admit(), Some(Admission::Run(call)) if call.id == "a"));
    messages.extend(machine.tool_answered(Verdict::Succeeded, "ok".into()));
    machine = stored(machine);
    assert!(matches!(machine.admit(), Some(Admission::Run(call)) if call.id == "b"));
    messages.extend(machine.tool_answered(Verdict::HandedOver, "done".into()));
    assert_eq!(machine.next_step(), Step::Done(End::HandedOver));
    assert_eq!(machine.admit(), None);
    check_no_orphans(&messages);
    assert_eq!(messages.len(), 4);
}

#[test]
fn a_model_that_only_talks_is_nudged_twice() {
    let mut machine = Machine::new(10);
    for _ in 0..2 {
        let messages = machine.model_answered(says("I think it is done."));
        assert!(matches!(messages.as_slice(), [Message::Assistant { .. }, Message::User { .. }]), "{messages:?}");
        machine = stored(machine);
    }
    assert_eq!(machine.model_answered(says("")).len(), 0, "an empty answer is not kept");
    assert_eq!(machine.next_step(), Step::Done(End::NoVerdict { last_words: "I think it is done.".into() }));
}

#[test]
fn a_cut_off_answer_goes_on_but_not_for_ever() {
    let mut machine = Machine::new(100);
    let cut = || Answer { finish: Some(FinishReason::Length), ..says("and then") };
    for _ in 0..4 {
        machine.model_answered(cut());
        assert_eq!(machine.next_step(), Step::CallModel);
    }
    machine.model_answered(cut());
    assert!(matches!(machine.next_step(), Step::Done(End::NoVerdict { .. })));
}

#[test]
fn the_last_turn_is_announced_and_is_the_last() {
    let mut machine = Machine::new(2);
    machine.model_answered(calls(&[("a", "terminal", "{}")]));
    machine.admit();
    let messages = machine.tool_answered(Verdict::Succeeded, "ok".into());
    assert!(matches!(&messages[1], Message::User { content } if content == LAST_TURN.trim()));
    machine.model_answered(calls(&[("b", "terminal", "{}")]));
    machine.admit();
    machine.tool_answered(Verdict::Succeeded, "ok".into());
    assert_eq!(machine.next_step(), Step::Done(End::TurnsSpent { turns: 2 }));
}

#[test]
fn the_same_failing_call_is_bounded() {
    let mut machine = Machine::new(100);
    let mut ran = 0;
    let mut messages = Vec::new();
    // The same call with other spaces and key order is the same call.
    let variants = [r#"{"command":"x","timeout":1}"#, r#"{ "timeout": 1, "command": "x" }"#];
    for round in 0..20 {
        if let Step::Done(_) = machine.next_step() {
            break;
        }
        messages
            .extend(machine.model_answered(calls(&[("", "terminal", variants[round % 2]), ("", "read_file", "{}")])));
        while let Some(admission) = machine.admit() {
            match admission {
                Admission::Run(call) if call.name == "terminal" => {
                    ran += 1;
                    messages.extend(machine.tool_answered(Verdict::Failed, "no".into()));
                }
                Admission::Run(_) => messages.extend(machine.tool_answered(Verdict::Succeeded, "yes".into())),
                Admission::Answer(_, text) => {
                    assert!(text.contains("not run again"), "{text}");
                    messages.extend(machine.tool_answered(Verdict::Failed, text));
                }
            }
            machine = stored(machine);
        }
    }
    assert_eq!(ran, 3);
    assert_eq!(machine.next_step(), Step::Done(End::GoingInCircles { call: "terminal".into() }));
    check_no_orphans(&messages);
}

#[test]
fn success_forgives_earlier_failures() {
    let mut machine = Machine::new(100);
    for verdict in [Verdict::Failed, Verdict::Failed, Verdict::Succeeded, Verdict::Failed, Verdict::Failed] {
        machine.model_answered(calls(&[("", "terminal", "{}")]));
        assert!(matches!(machine.admit(), Some(Admission::Run(_))));
        machine.tool_answered(verdict, String::new());
    }
}

#[test]
fn a_call_that_was_running_at_a_restart_is_not_run_twice() {
    let mut machine = Machine::new(10);
    machine.model_answered(calls(&[("a", "terminal", "{}"), ("b", "terminal", "{}")]));
    assert!(matches!(machine.admit(), Some(Admission::Run(_))));
    machine = stored(machine);
    let Some(Admission::Answer(call, text)) = machine.admit() else { panic!("it would run twice") };
    assert!(call.id == "a" && text.contains("restarted"));
    machine.tool_answered(Verdict::Succeeded, text);
    assert!(matches!(machine.admit(), Some(Admission::Run(call)) if call.id == "b"));
}

#[test]
fn missing_and_repeated_ids_become_unique() {
    let mut machine = Machine::new(10);
    let messages = machine.model_answered(calls(&[("x", "a", ""), ("x", "b", ""), ("", "", ""), ("y", "c", "")]));
    let [Message::Assistant { tool_calls, .. }] = messages.as_slice() else { panic!() };
    let ids: Vec<&str> = tool_calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["x", "call_2", "call_3", "y"]);
    assert_eq!(tool_calls[2].name, "unnamed");
}

use super::*;
use crate::chat::events::Standing;

fn vote(number: u64, question: MessageId, given: bool) -> Command {
    Command::Vote { connection: ConnectionId(number), question, given }
}

fn standing(event: &Event) -> Option<Standing> {
    match &event.kind {
        EventKind::Chat(ChatBody { question, .. }) => *question,
        kind => panic!("{kind:?}"),
    }
}

#[test]
fn votes_are_told_to_the_voter_at_once_and_to_all_once_a_second() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.register("Carl");
    scene.join(3, "Carl");
    let question = scene.asked(1, "why?");
    let effects = scene.ok(vote(2, question, true));
    assert_eq!(types_sent(&effects, 2), ["QUESTION-UPDATE"]);
    assert!(matches!(records(&effects)[..], [Record::Vote { given: true, .. }]));
    assert_eq!(broadcasts(&scene.ok(Command::Tick)), ["QUESTION-UPDATE"]);
    assert!(records(&scene.ok(vote(2, question, true))).is_empty(), "once per user");
    scene.ok(vote(3, question, true));
    assert_eq!(broadcasts(&scene.later(999).ok(Command::Tick)), [""; 0]);
    assert_eq!(broadcasts(&scene.later(1).ok(Command::Tick)), ["QUESTION-UPDATE"]);
    assert_eq!(broadcasts(&scene.later(5_000).ok(Command::Tick)), [""; 0]);
    assert_eq!(standing(&scene.room.stage()[0]), Some(Standing { votes: 2, answered: false }));
    scene.ok(vote(3, question, false));
    assert_eq!(standing(&scene.room.history()[0]), Some(Standing { votes: 1, answered: false }));
    assert_eq!(scene.refused(vote(1, question, true)), Refusal::OwnQuestion);
    assert_eq!(scene.refused(vote(2, MessageId::first_of(1), true)), Refusal::NoSuchQuestion);
}

#[test]
fn voters_have_a_pace() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let question = scene.asked(1, "why?");
    assert!((0..10).all(|number| scene.run(vote(2, question, number % 2 == 0)).result.is_ok()));
    assert_eq!(scene.refused(vote(2, question, true)), Refusal::Flood { seconds: 1 });
    assert!(scene.say(2, "and can talk all the while").result.is_ok());
}

#[test]
fn moderators_answer_and_open_again() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let question = scene.asked(1, "why?");
    let answer = |by, is_answered| Command::Answer { by, question, is_answered };
    assert_eq!(scene.refused(answer(By::User(id("Ben")), true)), Refusal::NotModerator);
    scene.ok(Command::Promote { by: By::Operator, user: id("Ben") });
    let effects = scene.ok(answer(By::User(id("Ben")), true));
    assert_eq!(broadcasts(&effects), ["QUESTION-UPDATE"]);
    assert_eq!(audited(&effects), ["Ben marked a question as answered"]);
    assert!(scene.ok(answer(By::Operator, true)).is_empty(), "it is already");
    assert_eq!(scene.refused(vote(2, question, true)), Refusal::Answered);
    scene.ok(answer(By::Operator, false));
    scene.ok(vote(2, question, true));
}

#[test]
fn a_question_can_be_marked_later_and_withdrawn() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let message = scene.said(1, "is this one?");
    let set = |by, is_question| Command::SetQuestion { by, message, is_question };
    assert_eq!(scene.refused(set(By::User(id("Ben")), true)), Refusal::NotModerator);
    let effects = scene.ok(set(By::User(id("Anna")), true));
    assert_eq!((broadcasts(&effects).len(), audited(&effects).len()), (1, 0), "her own");
    scene.ok(vote(2, message, true));
    let effects = scene.ok(set(By::Operator, false));
    let Some(Effect::Broadcast(Event { kind, .. })) =
        effects.iter().find(|effect| matches!(effect, Effect::Broadcast(_)))
    else {
        panic!()
    };
    assert_eq!(*kind, EventKind::QuestionUpdate { message_id: message, votes: 0, answered: false, withdrawn: true });
    assert_eq!(audited(&effects), ["the operator withdrew a question"]);
    assert!(scene.room.stage().is_empty());
    scene.ok(set(By::Operator, true));
    assert_eq!(standing(&scene.room.stage()[0]), Some(Standing { votes: 0, answered: false }), "votes are void");
}

#[test]
fn without_questions_a_message_is_a_message() {
    let mut scene = Scene::with_anna_and_ben(ChatRules { questions: false, ..ChatRules::default() });
    let message = scene.asked(1, "why?");
    assert_eq!((scene.shown(), scene.room.stage().len()), (vec!["why?".to_owned()], 0));
    let set = Command::SetQuestion { by: By::Operator, message, is_question: true };
    assert_eq!(scene.refused(set), Refusal::NoSuchQuestion);
}

#[test]
fn a_hidden_question_is_not_on_stage() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let question = scene.asked(1, "why?");
    let show = |visible| Command::SetVisibility { by: By::Operator, ids: vec![question], visible };
    scene.ok(show(false));
    assert!(scene.room.stage().is_empty() && scene.shown().is_empty());
    assert_eq!(scene.refused(vote(2, question, true)), Refusal::NoSuchQuestion);
    scene.ok(show(true));
    assert_eq!(scene.room.stage().len(), 1);
}

#[test]
fn questions_outlive_the_history_while_the_stream_goes_on() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let question = scene.asked(1, "why?");
    scene.later(3 * 3_600_000).ok(Command::Tick);
    assert_eq!((scene.shown().len(), scene.room.stage().len()), (0, 1));
    scene.ok(vote(2, question, true));
    scene.ok(Command::StreamEnded);
    let effects = scene.later(1_000).ok(Command::Tick);
    assert!(records(&effects).contains(&&Record::Question { message: question, is_question: false }));
    assert!(scene.room.stage().is_empty());
}

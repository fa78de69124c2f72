//! plan.json: written, read, and refused when it was tampered with.

use syncplan_model::plan::{self, InvalidPlan, Meta, Plan, ReadError};

use crate::case::Case;

fn meta() -> Meta {
    Meta {
        created_at: "2026-01-01T00:00:00Z".to_owned(),
        tool: "syncplan 0.1.0".to_owned(),
        expires_at: None,
    }
}

pub(crate) fn json(plan: &Plan) -> String {
    let mut text = Vec::new();
    plan::write(&mut text, plan, &meta()).unwrap();
    String::from_utf8(text).unwrap()
}

/// A plan with most of what there is in plans.
fn rich() -> String {
    let mut case = Case::mirror("a2 b1 d/e/x3 l->y t1@9 k/m5", "a1 b2 z4 t1@5 k5 w/u6 w/v~");
    case.fixture.guard.max_delete.count = Some(0);
    json(&case.compile())
}

fn read(text: &str) -> Result<Plan, ReadError> {
    plan::read(text.as_bytes()).map(|(plan, ..)| plan)
}

/// Sets the id that a changed document should have.
fn with_right_id(text: &str) -> String {
    let Err(ReadError::Changed { stated, found }) = read(text) else {
        return text.to_owned();
    };
    text.replacen(&stated.to_string(), &found.to_string(), 1)
}

#[test]
fn it_round_trips() {
    let text = rich();
    let (plan, id, meta) = plan::read(text.as_bytes()).unwrap();
    assert_eq!(json(&plan), text);
    assert_eq!((id, &meta), (plan.id(), &self::meta()));
    assert!(plan.actions().len() > 10 && !plan.conflicts().is_empty() && !plan.findings().is_empty());
}

#[test]
fn an_action_is_a_line() {
    let text = rich();
    let lines = text.lines().filter(|line| line.starts_with("{\"id\"")).count();
    assert_eq!(lines, read(&text).unwrap().actions().len());
    for line in text.lines().filter(|line| line.starts_with("{\"id\"")) {
        let keys = ["\"task\"", "\"op\"", "\"side\"", "\"path\"", "\"reason\"", "\"expect\""];
        let places: Vec<_> = keys.iter().map(|key| line.find(key).unwrap()).collect();
        assert!(places.is_sorted(), "{line}");
    }
}

#[test]
fn a_pretty_printer_changes_nothing() {
    let text = rich();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["format"], "syncplan.plan");
    let mut pretty = String::new();
    let mut depth = 0_usize;
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' | '[' if !in_string => depth += 1,
            '}' | ']' if !in_string => depth -= 1,
            _ => {}
        }
        let breaks = !in_string && matches!(c, '{' | '[' | ',');
        pretty.push(c);
        if breaks {
            pretty.push_str("\r\n");
            pretty.push_str(&"\t ".repeat(depth));
        }
    }
    assert_ne!(pretty, text);
    assert_eq!(plan::read(pretty.as_bytes()).unwrap().1, plan::read(text.as_bytes()).unwrap().1);
}

#[test]
fn a_change_is_noticed() {
    let text = rich();
    for (from, to) in [
        ("\"reason\":\"created\"", "\"reason\":\"changed\""),
        ("\"size\":\"1\"", "\"size\":\"2\""),
        ("mirror", "update"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert!(matches!(read(&changed), Err(ReadError::Changed { .. })), "{from}");
    }
    let later = text.replace("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    assert!(read(&later).is_ok(), "`meta` is no part of its identity");
}

/// Changes a document, gives it the id it should have, and answers why it is refused.
fn tamper(from: &str, to: &str) -> InvalidPlan {
    let text = rich();
    let changed = text.replacen(from, to, 1);
    assert_ne!(changed, text, "{from}");
    match read(&with_right_id(&changed)) {
        Err(ReadError::Invalid(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_right_id_does_not_excuse_a_wrong_plan() {
    assert!(matches!(tamper("\"path\":\"d/e/x\"", "\"path\":\"d/e/y\""), InvalidPlan::WrongId { .. }));
    assert!(matches!(tamper("\"op\":\"delete\"", "\"op\":\"rmdir\""), InvalidPlan::WrongId { .. }));
}

#[test]
fn edges_are_checked() {
    let text = rich();
    let plan = read(&text).unwrap();
    let first = plan.actions().iter().find(|action| !action.after.is_empty()).unwrap();
    let edge = format!("\"after\":[\"{}\"", first.after[0]);
    let missing = format!("\"after\":[\"{}\"", "0".repeat(32));
    assert!(matches!(tamper(&edge, &missing), InvalidPlan::UnknownEdge { .. }));
    let itself = format!("\"after\":[\"{}\"", first.id);
    assert!(matches!(tamper(&edge, &itself), InvalidPlan::Cycle(_)));
    let late = plan.actions().iter().find(|action| action.phase != plan::Phase::Main).unwrap();
    let later = format!("\"after\":[\"{}\"", late.id);
    assert!(matches!(tamper(&edge, &later), InvalidPlan::WrongEdge { .. }));
}

#[test]
fn reserved_names_are_refused_with_their_right_ids_too() {
    let text = rich();
    let plan = read(&text).unwrap();
    let mut action = plan.actions().iter().find(|action| action.path.to_string() == "z").unwrap().clone();
    action.path = syncplan_model::RelPath::new(".syncplan/state.db").unwrap();
    action.id = action.identity();
    let parts = (plan.header().clone(), Vec::new(), Vec::new(), vec![action]);
    assert!(matches!(Plan::new(parts.0, parts.1, parts.2, parts.3), Err(InvalidPlan::Reserved { .. })));
}

#[test]
fn paths_that_leave_the_root_are_no_paths() {
    for hostile in ["../x", "/etc/passwd", "a//b", "a/./b", ""] {
        let text = rich().replacen("\"path\":\"d/e/x\"", &format!("\"path\":\"{hostile}\""), 1);
        assert!(matches!(read(&text), Err(ReadError::Damaged(_))), "{hostile}");
    }
}

#[test]
fn tasks_in_a_circle_are_refused() {
    let plan = read(&rich()).unwrap();
    let mut header = plan.header().clone();
    header.tasks[0].after = vec![header.tasks[0].name.clone()];
    let made = Plan::new(header.clone(), Vec::new(), Vec::new(), plan.actions().to_vec());
    assert!(matches!(made, Err(InvalidPlan::TaskCycle(_))));
    header.tasks[0].after = vec![syncplan_model::TaskName::new("nobody").unwrap()];
    let made = Plan::new(header, Vec::new(), Vec::new(), plan.actions().to_vec());
    assert!(matches!(made, Err(InvalidPlan::UnknownTask(_))));
}

#[test]
fn other_formats_and_versions_are_told_apart() {
    let text = rich();
    let version = |version: &str| text.replacen("\"1.0\"", &format!("\"{version}\""), 1);
    assert!(matches!(read(&version("2.0")), Err(ReadError::Version(v)) if v == "2.0"));
    assert!(read(&with_right_id(&version("1.7"))).is_ok(), "a minor version only adds");
    assert!(matches!(read(&text.replacen("syncplan.plan", "other.plan", 1)), Err(ReadError::Damaged(_))));
    let extended = text.replacen("\"summary\":", "\"weather\":{\"sun\":[1,2]},\"summary\":", 1);
    assert!(read(&with_right_id(&extended)).is_ok(), "members of a later minor version are passed over");
}

#[test]
fn no_part_of_it_is_taken_for_the_whole() {
    let text = rich();
    let whole = text.trim_end().len();
    for cut in 0..whole {
        assert!(read(&text[..text.floor_char_boundary(cut)]).is_err(), "cut at {cut}");
    }
}

#[test]
fn no_byte_can_be_turned_over() {
    let text = rich();
    let meta = text.find("\"meta\"").unwrap();
    for at in 0..meta {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let changed = plan::read(bytes.as_slice());
        let harmless = text.as_bytes()[at].is_ascii_whitespace() && bytes[at].is_ascii_whitespace();
        assert!(changed.is_err() || harmless, "byte {at}: {}", &text[at.saturating_sub(20)..at + 20]);
    }
}

#[test]
fn members_come_once() {
    let text = rich();
    for (member, twice) in [
        ("\"findings\":[", "\"findings\":[],\"findings\":["),
        ("\"actions\":[", "\"actions\":[],\"actions\":["),
        ("\"selection\":{", "\"selection\":{\"tasks\":[]},\"selection\":{"),
    ] {
        assert!(read(&text.replacen(member, twice, 1)).is_err(), "{member}");
    }
}

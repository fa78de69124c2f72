use crate::plan::{Action, DeleteLimit, Finding, Header, Level, Side, TaskHeader};
use crate::quantity::ByteSize;
use crate::spec::MaxDelete;

use super::{finding, select};

/// What is removed, of how much.
#[derive(Default, Clone, Copy)]
pub(super) struct Deletes {
    count: u64,
    bytes: u64,
    entries: u64,
}

impl Deletes {
    /// Of one task; moves are none.
    fn of(task: &TaskHeader, removals: &[&Action]) -> Self {
        let on = |side: Side| removals.iter().any(|action| action.side == side);
        let entries = [Side::Local, Side::Remote].into_iter().filter(|&side| on(side));
        Self {
            count: removals.len() as u64,
            bytes: removals.iter().fold(0, |sum, action| sum.saturating_add(action.bytes)),
            entries: entries.map(|side| task.snapshot(side).entries).fold(0, u64::saturating_add),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            bytes: self.bytes.saturating_add(other.bytes),
            entries: self.entries.saturating_add(other.entries),
        }
    }

    /// Every limit that is passed, as a clause.
    fn beyond(&self, limit: &DeleteLimit) -> Vec<String> {
        let percent = percent(self.count, self.entries);
        let count = limit.count.filter(|&limit| self.count > limit);
        let share = limit
            .percent
            .filter(|&limit| percent > u64::from(limit) && self.count >= MaxDelete::PERCENT_FROM);
        let bytes = limit.bytes.filter(|&limit| self.bytes > limit);
        let count = count.map(|limit| format!("the limit is {}", grouped(limit)));
        let share = share.map(|limit| format!("that is {percent} %, and the limit is {limit} %"));
        let bytes = bytes
            .map(|limit| format!("they hold {}, and the limit is {}", ByteSize(self.bytes), ByteSize(limit)));
        [count, share, bytes].into_iter().flatten().collect()
    }

    fn message(&self, whose: &str, beyond: &[String]) -> String {
        format!(
            "{} of {} would be deleted{whose}: {}; if that is meant, apply with `--override max-delete --reason TEXT`",
            grouped(self.count),
            entries(self.entries),
            beyond.join("; "),
        )
    }
}

/// The limits of one task: its own, and those that the manifest sets for each.
pub(super) fn judge(task: &TaskHeader, actions: &[&Action]) -> Option<Finding> {
    let about = select(actions, |action| action.op.removes());
    let deletes = Deletes::of(task, &about);
    let mut beyond = deletes.beyond(&task.limits.delete);
    for clause in deletes.beyond(&task.limits.max_delete) {
        if !beyond.contains(&clause) {
            beyond.push(clause);
        }
    }
    let message = || deletes.message("", &beyond);
    (!beyond.is_empty()).then(|| finding("max-delete", Level::Soft, task, message(), &about))
}

/// The limits that the manifest sets for all tasks together; one task alone has been judged.
pub(super) fn judge_all(header: &Header, actions: &[Action]) -> Option<Finding> {
    let limit = header.tasks.first().filter(|_| header.tasks.len() > 1)?.limits.max_delete;
    let of_task = |task: &TaskHeader| {
        let own: Vec<&Action> = actions.iter().filter(|it| it.op.removes() && it.task == task.name).collect();
        Deletes::of(task, &own)
    };
    let all = header.tasks.iter().map(of_task).fold(Deletes::default(), Deletes::and);
    let beyond = all.beyond(&limit);
    let removals = actions.iter().filter(|action| action.op.removes()).map(|action| action.id);
    (!beyond.is_empty()).then(|| Finding {
        code: "max-delete".to_owned(),
        level: Level::Soft,
        task: None,
        message: all.message(" by all tasks together", &beyond),
        actions: removals.take(Finding::MAX_ACTIONS).collect(),
    })
}

/// Rounded up: a limit is passed by whatever is beyond it.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    match whole {
        0 => {
            if part == 0 {
                0
            } else {
                100
            }
        }
        _ => u64::try_from((u128::from(part) * 100).div_ceil(u128::from(whole))).unwrap_or(u64::MAX),
    }
}

/// `1 entry`, `12,000 entries`.
pub(super) fn entries(count: u64) -> String {
    counted(count, "entry", "entries")
}

/// `1 action`, `12,000 actions`.
pub(super) fn actions(count: u64) -> String {
    counted(count, "action", "actions")
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let mut text = digits[..first].to_owned();
    for group in digits.as_bytes()[first..].chunks(3) {
        text.push(',');
        text.extend(group.iter().map(|&digit| char::from(digit)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let texts = [0, 7, 999, 1_000, 65_536, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "65,536", "1,234,567"]);
    }

    #[test]
    fn a_percentage_is_rounded_up() {
        assert_eq!(
            [percent(0, 0), percent(1, 0), percent(1, 3), percent(50, 100), percent(101, 200)],
            [0, 100, 34, 50, 51]
        );
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
    }
}

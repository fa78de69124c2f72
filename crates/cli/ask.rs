use std::io::{IsTerminal as _, Write as _};

use crate::failure::Failure;

/// Asks a question. Any answer other than yes means no, and without a terminal nothing prompts: `instead`
/// says what does the same without a question.
pub(crate) fn confirmed(question: &str, instead: &str) -> Result<bool, Failure> {
    let silent = std::env::var_os("SYNCPLAN_NO_INPUT").is_some_and(|value| !value.is_empty());
    if silent || !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nothing was changed: nobody is there to say yes")
            .help(format!("say it beforehand with -y{instead}")));
    }
    let mut answer = String::new();
    let mut err = std::io::stderr().lock();
    let asked = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    let read = asked.and_then(|()| std::io::stdin().read_line(&mut answer));
    Ok(read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

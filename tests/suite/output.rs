//! What a run of the program said.

use std::fmt;

use serde_json::Value;

/// Standard output, standard error and exit code, with the test's folder written `[root]`.
pub(crate) struct Output {
    command: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Output {
    /// `hidden` is the path that differs from run to run.
    pub(crate) fn new(args: &str, output: &std::process::Output, hidden: &str) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(hidden, "[root]");
        Self {
            command: format!("syncplan {args}").replace(hidden, "[root]"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            code: output.status.code(),
        }
    }

    /// Asserts an exit code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "expected exit {expected}\n{self}");
        self
    }

    /// Asserts that it exited with 0.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        self.code(0)
    }

    /// Asserts a mistake in the command line or in the manifest, and something to read about it.
    #[track_caller]
    pub(crate) fn usage(self) -> Self {
        self.code(64).talking()
    }

    /// Asserts an error of the world's, and something to read about it.
    #[track_caller]
    pub(crate) fn error(self) -> Self {
        self.code(1).talking()
    }

    #[track_caller]
    fn talking(self) -> Self {
        assert!(!self.stderr.trim().is_empty(), "refused without a word\n{self}");
        self.calm()
    }

    /// Asserts that it did not panic.
    #[track_caller]
    pub(crate) fn calm(self) -> Self {
        assert!(!self.stderr.contains("panicked at") && self.code.is_some_and(|code| code != 101), "{self}");
        self
    }

    /// Asserts that both streams together hold each of the texts.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            let found = self.stdout.contains(text) || self.stderr.contains(text);
            assert!(found, "expected {text:?} in\n{self}");
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }
}

/// As a terminal session, for snapshots.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}", self.command)?;
        match self.code {
            Some(code) => writeln!(f, "[exit {code}]")?,
            None => writeln!(f, "[killed]")?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                // A line's trailing blanks would be invisible in a review.
                let lines: Vec<_> = text.lines().map(str::trim_end).collect();
                writeln!(f, "--- {name}\n{}", lines.join("\n"))?;
            }
        }
        Ok(())
    }
}

use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;

use crate::error::StateError;

/// Where a state is kept, as people say it.
pub(crate) enum Address {
    /// `sqlite:FILE`, or a plain path.
    File(PathBuf),
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    Server(Box<PgConnectOptions>),
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, StateError> {
        match text.split_once(':') {
            Some(("sqlite", file)) => Ok(Self::File(file.strip_prefix("//").unwrap_or(file).into())),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => server(text),
            Some((scheme, rest)) if rest.starts_with("//") => Err(StateError::Scheme(scheme.to_owned())),
            _ => Ok(Self::File(text.into())),
        }
    }
}

fn server(url: &str) -> Result<Address, StateError> {
    // The error names what is wrong and never repeats the address, which may hold a password.
    let options = url.parse().map_err(StateError::Address)?;
    Ok(Address::Server(Box::new(options)))
}

/// The file, for people.
pub(crate) fn describe_file(file: &Path) -> String {
    file.display().to_string()
}

/// The host and the database, for people; whoever uses them is nobody else's business.
pub(crate) fn describe_server(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    match options.get_socket() {
        Some(folder) => format!("{}/{database}", folder.display()),
        None if options.get_port() == 5432 => format!("{}/{database}", options.get_host()),
        None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn told(text: &str) -> String {
        match Address::parse(text) {
            Ok(Address::File(file)) => describe_file(&file),
            Ok(Address::Server(options)) => describe_server(&options),
            Err(error) => {
                let cause = error.source().map(ToString::to_string).unwrap_or_default();
                let advice = error.advice().unwrap_or_default();
                format!("{error}; {cause}; {advice}; {error:?}")
            }
        }
    }

    #[test]
    fn files_and_servers_are_told_apart() {
        for (text, expected) in [
            ("a/b.db", "a/b.db"),
            ("sqlite:a/b.db", "a/b.db"),
            ("sqlite:///a/b.db", "/a/b.db"),
            ("a:b", "a:b"),
            ("postgres:b", "postgres:b"),
            ("postgres://me@db.example/x", "db.example/x"),
            ("postgresql://db.example:6000/x", "db.example:6000/x"),
            ("postgres://me@%2Frun%2Fpg/x", "/run/pg/x"),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
        assert!(told("mysql://h/d").starts_with("a state cannot be kept in `mysql`"));
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgres://me:canary@h/d",
            "postgres://h/d?user=me&password=canary",
            "postgres://me:canary@h:port/d",
            "postgres://me:canary@h/d?sslmode=whatever",
            "postgres://me:canary@[::/d",
            "mysql://me:canary@h/d",
        ] {
            assert!(!told(text).contains("canary"), "{text}: {}", told(text));
        }
    }
}

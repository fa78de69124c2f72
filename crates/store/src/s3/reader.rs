use std::ops::Range;

use http::{HeaderMap, Method};
use syncplan_model::{RelPath, Token};

use super::object::{quoted, token_of};
use super::request::object_at;
use super::root::Root;
use crate::bucket::Source;
use crate::error::StoreError;
use crate::web::{Fault, Request, Wire};

impl Source for Root {
    fn wire(&self) -> &Wire {
        &self.wire
    }

    fn retries(&self) -> u32 {
        self.retries
    }

    fn get(&self, path: &RelPath, key: &[u8], range: Option<&Range<u64>>, expect: Option<&Token>) -> Request {
        let mut request = object_at(Method::GET, key, path);
        if let Some(range) = range {
            request = request.header("range", &format!("bytes={}-{}", range.start, range.end - 1));
        }
        match expect {
            Some(token) => request.header("if-match", &quoted(token)),
            None => request,
        }
    }

    fn token(&self, headers: &HeaderMap) -> Option<Token> {
        token_of(headers)
    }

    fn failure(&self, fault: Fault, operation: &'static str, path: &RelPath) -> StoreError {
        Self::failure(self, fault, operation, path)
    }
}

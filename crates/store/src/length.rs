use syncplan_model::RelPath;

use crate::error::{StoreError, StoreErrorKind};

/// Counts content against what was announced: what is shorter or longer is not what was planned.
pub(crate) struct Length {
    left: u64,
}

impl Length {
    pub(crate) fn new(announced: u64) -> Self {
        Self { left: announced }
    }

    pub(crate) fn add(&mut self, path: &RelPath, chunk: &[u8]) -> Result<(), StoreError> {
        self.left = self.left.checked_sub(chunk.len() as u64).ok_or_else(|| changed(path))?;
        Ok(())
    }

    pub(crate) fn end(&self, path: &RelPath) -> Result<(), StoreError> {
        if self.left == 0 { Ok(()) } else { Err(changed(path)) }
    }
}

fn changed(path: &RelPath) -> StoreError {
    StoreError::new(StoreErrorKind::Changed, "write", path)
        .because("the content is not as long as it was announced")
}

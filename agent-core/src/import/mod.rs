//! Brings the boards of a Python hermes-agent over.
//!
//! The source is never written to: its databases are copied as plain files and the copies are read. What was taken is
//! written down in `import_ref`, so that a second import takes only what is new and leaves alone what is here. The
//! rows themselves are written by `kanban::import_rows`.

mod batch;
mod board;
mod copy;
mod files;
mod map;
mod place;
mod plan;
mod record;
mod report;
mod source;
mod store;
mod values;

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use protocol::{CardRef, TaskCard};

pub use place::PythonHome;
pub use plan::Start;
pub use report::{BoardReport, Counts, ImportError, MAX_REMARKS, Remark, Remarks, Report};

use crate::kanban::{self, KanbanError};
use crate::{Actor, Core};

/// Whether an import writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It does.
    #[default]
    Write,
    /// It says what it would do.
    DryRun,
}

/// Imports every board of the home. A board that cannot be read is reported, and the others are imported.
///
/// # Errors
/// When another import is running, the copies cannot be made, or our database fails. What was written until then
/// stays, and the next import goes on from there.
pub async fn run(
    core: &Core,
    actor: &Actor,
    home: &PythonHome,
    start: Start,
    mode: Mode,
) -> Result<Report, ImportError> {
    let desk = Desk::clear(core)?;
    let mut report = Report { from: home.root.clone(), dry_run: mode == Mode::DryRun, ..Report::default() };
    let mut import = board::Import { core, actor, home, start, mode, taken_sources: HashSet::new() };
    for source in &home.boards {
        let mut part =
            BoardReport { source: source.label.clone(), archived: source.archived, ..BoardReport::default() };
        match import.board(source, &desk, &mut part, &mut report).await {
            Ok(()) => {}
            Err(ImportError::Board(why)) => part.error = Some(why),
            Err(error @ ImportError::File { .. }) => part.error = Some(error.to_string()),
            Err(error) => return Err(error),
        }
        report.taken.add(&part.taken);
        report.known.add(&part.known);
        report.boards.push(part);
    }
    Ok(report)
}

/// The cards that had this id (`t_1a2b3c4d`) in an old home; usually one.
///
/// # Errors
/// When the database fails.
pub async fn find(core: &Core, old_id: &str) -> Result<Vec<TaskCard>, KanbanError> {
    let mut reader = core.store().reader().acquire().await?;
    let ids = store::cards_of(&mut reader, old_id.trim()).await?;
    drop(reader);
    let mut cards = Vec::new();
    for id in ids {
        cards.push(kanban::card(core, CardRef::Id(id)).await?);
    }
    Ok(cards)
}

/// Where the copies lie while they are read. Only one import at a time has it; it is gone afterwards.
struct Desk {
    dir: PathBuf,
    _lock: File,
}

impl Desk {
    fn clear(core: &Core) -> Result<Self, ImportError> {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        let root = core.home().root();
        let failed = |what: &'static str, path: &Path| {
            let path = path.to_path_buf();
            move |source| ImportError::File { what, path, source }
        };
        let lock = root.join("import.lock");
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock)
            .map_err(failed("open", &lock))?;
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(ImportError::Running);
        }
        let dir = root.join("import");
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed("clear", &dir)(error)),
            _ => {}
        }
        std::fs::DirBuilder::new().mode(0o700).create(&dir).map_err(failed("make", &dir))?;
        Ok(Self { dir, _lock: file })
    }

    fn copy(&self) -> PathBuf {
        self.dir.join("board.db")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            tracing::warn!(%error, path = %self.dir.display(), "the copy of the old board could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_statement_prepares() {
        crate::store::tests::prepare_all(super::store::ALL_SQL).await;
    }
}

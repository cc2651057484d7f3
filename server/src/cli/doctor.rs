//! `hermes doctor`: one row per thing Hermes needs, with the one step that mends it.

use std::process::ExitCode;

use agent_core::Home;
use agent_core::doctor::{self, Health, Row};
use agent_core::kanban::housekeeping;

use super::error::CliError;
use super::output::{Out, Style, one_line};

pub(super) async fn run(out: Out, fix: bool) -> Result<ExitCode, CliError> {
    if fix {
        super::Caller::only_people("tidy up")?;
        let core = super::open_core().await?;
        let done = housekeeping::tidy(&core).await;
        core.close().await;
        let done = done?;
        out.hint(&format!(
            "Removed {} directories, {} files, {} logs and {} deleted cards.",
            done.directories, done.files, done.logs, done.cards
        ));
    }
    let rows = doctor::examine(&Home::from_env()?).await;
    let code = if rows.iter().any(|row| row.health == Health::Broken) { ExitCode::from(1) } else { ExitCode::SUCCESS };
    if out.is_json() {
        out.json(&rows)?;
        return Ok(code);
    }
    let widest = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in &rows {
        text.push_str(&line(out, row, widest));
    }
    let broken = rows.iter().filter(|row| row.health == Health::Broken).count();
    let warned = rows.iter().filter(|row| row.health == Health::Warning).count();
    text.push_str(&match (broken, warned) {
        (0, 0) => "\nAll is well.\n".to_owned(),
        (0, warned) => format!("\nIt works; {warned} to look at.\n"),
        (broken, _) => format!("\n{broken} broken. Mend the first one and run `hermes doctor` again.\n"),
    });
    out.line(&text)?;
    Ok(code)
}

fn line(out: Out, row: &Row, widest: usize) -> String {
    let (style, mark) = match row.health {
        Health::Ok => (Style::Green, "ok     "),
        Health::Note => (Style::Dim, "note   "),
        Health::Warning => (Style::Yellow, "look at"),
        Health::Broken => (Style::Red, "broken "),
    };
    let mut text = format!("{}  {:widest$}  {}\n", out.styled(style, mark), row.name, one_line(&row.found));
    if let Some(fix) = &row.fix {
        text.push_str(&format!("         {:widest$}  → {}\n", "", one_line(fix)));
    }
    text
}

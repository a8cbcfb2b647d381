//! What happens before the program starts.

use kiln_script::{Action, GateCommand, Script, Step, Template};
use kiln_types::{Accounts, StartPlan};

use super::evaluation::Evaluation;
use crate::model::*;
use crate::span::{Span, Spanned};

impl Evaluation<'_> {
    /// The start script, where the definition has one or wants a parent for its program.
    pub(super) fn start(&mut self, accounts: &Accounts) -> Option<StartPlan> {
        let layers = self.layers;
        let init = self
            .last("init", |layer| layer.init.as_ref())
            .is_some_and(|init| init.value);
        let settings: Vec<&StartSettings> = layers
            .iter()
            .filter_map(|layer| layer.start.as_ref())
            .collect();
        if settings.is_empty() && !init {
            return None;
        }
        let mut script = Script::default();
        for part in settings {
            if let Some(program) = &part.program {
                script.program = Some(self.text(program));
            }
            for line in &part.gate {
                let text = self.text(line);
                match GateCommand::parse(&text) {
                    Ok(command) if !script.gate.contains(&command) => script.gate.push(command),
                    Ok(_) => {}
                    Err(reason) => {
                        let message = format!("the gate cannot run this command: {reason}");
                        self.error("gate", message, &line.span).help = Some(
                            "write the exact text that the program gives to `sh -c`".to_owned(),
                        );
                    }
                }
            }
            for entry in &part.steps {
                if entry.only.applies(self.variant, self.platform) {
                    let step = self.start_step(&entry.step, &entry.span);
                    self.users_of(&step, &entry.span, accounts);
                    script.steps.push(step);
                }
            }
        }
        let gate = script.gate.iter().map(|command| command.text.clone());
        Some(StartPlan {
            gate: gate.collect(),
            programs: script.programs(),
            script: script.to_text(),
        })
    }

    /// The users that the step names are there, or it is an error.
    fn users_of(&mut self, step: &Step, span: &Span, accounts: &Accounts) {
        if let Action::User { name } = &step.action {
            self.identity(&Spanned::new(name.clone(), span.clone()), accounts);
        }
        for inner in step.action.inner().into_iter().flatten() {
            self.users_of(inner, span, accounts);
        }
    }

    /// A step with the definition's names replaced. `${NAME}` with a capital letter is a variable
    /// of the container and stays; `$${` stays for the start program, too.
    fn start_step(&mut self, step: &Step, span: &Span) -> Step {
        let mut step = step.clone();
        step.each_template(&mut |text| {
            let spanned = Spanned::new(protect(text), span.clone());
            *text = self.text(&spanned);
            if let Err(error) = Template::parse(text) {
                self.error("start", error.to_string(), span);
            }
            if text.contains(|letter: char| {
                letter.is_control() && !matches!(letter, '\n' | '\t' | '\r')
            }) {
                self.error("start", "the step holds a control character", span);
            }
        });
        step
    }
}

/// Adds the `$` that keeps a variable of the container from being replaced now.
fn protect(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        let next = after.get(2..).unwrap_or_default();
        let stays = before.ends_with('$')
            || next.starts_with(|letter: char| letter.is_ascii_uppercase() || letter == '_');
        result.push_str(before);
        result.push_str(if stays { "$${" } else { "${" });
        rest = next;
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::substitute::Scope;

    #[test]
    fn variables_of_the_container_stay() {
        let scope = Scope([("version".to_owned(), "17".to_owned())].into());
        for (text, left) in [
            ("${version}/${PGDATA:-x}", "17/${PGDATA:-x}"),
            ("$${PGDATA} $${version}", "$${PGDATA} $${version}"),
            ("${_A}$", "${_A}$"),
        ] {
            let mut diagnostics = Vec::new();
            let spanned = Spanned::new(protect(text), Span::start_of("f"));
            assert_eq!(scope.apply(&spanned, &mut diagnostics), left);
            assert_eq!(diagnostics, []);
        }
    }
}

//! What an image needs: the distribution's own knowledge, then what the settings add.

use std::collections::BTreeSet;

use kiln_types::{Load, ReachPlan, ShellCaller};

use super::evaluation::Evaluation;
use crate::format::rules;
use crate::suggest::nearest;

impl Evaluation<'_> {
    pub(super) fn reach(&mut self) -> ReachPlan {
        let mut reach = ReachPlan {
            cut: self.profile.cut_unreached,
            keep: Vec::new(),
            loads: self.distribution.loads.clone(),
            languages: self.distribution.languages.clone(),
            interpreters: BTreeSet::new(),
            without_shell: self.distribution.without_shell.clone(),
        };
        for layer in self.layers {
            for item in &layer.contents.keep {
                if item.only.applies(self.variant, self.platform) {
                    reach.keep.push(self.word(&item.text, &rules::KEPT));
                }
            }
            for item in &layer.contents.loads {
                let file = self.word(&item.file, &rules::FILE_PATTERN);
                let opens = item
                    .opens
                    .iter()
                    .map(|opens| self.word(opens, &rules::KEPT))
                    .collect();
                reach.loads.push(Load {
                    file,
                    opens,
                    optional: item.optional,
                });
            }
            for language in &layer.contents.interpreters {
                let known = || self.distribution.languages.iter().map(|known| &known.name);
                if known().any(|name| *name == language.value) {
                    reach.interpreters.insert(language.value.clone());
                    continue;
                }
                let help = match nearest(&language.value, known().map(String::as_str)) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => {
                        let names: Vec<String> = known().map(|name| format!("`{name}`")).collect();
                        format!("the distribution knows {}", names.join(", "))
                    }
                };
                let message = format!("there is no language `{}`", language.value);
                self.error("unknown-language", message, &language.span).help = Some(help);
            }
            for item in &layer.contents.without_shell {
                let file = self.word(&item.name, &rules::FILE_PATTERN);
                let reason = self.text(&item.value);
                reach.without_shell.push(ShellCaller { file, reason });
            }
        }
        reach
    }
}

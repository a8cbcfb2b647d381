//! What the room promises, on samples of real feeds and on the tables of other tools.

mod versions;

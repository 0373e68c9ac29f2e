//! What runs when something is wrong: the document, the ledger, the disk, a port, a secret, the engine itself, or the
//! moment at which the agent died. Always one accepted generation whole, or nothing open; and the operator is told.

mod boot;
mod crash;
mod drift;
mod held;
mod history;
mod ledger;
mod machine;

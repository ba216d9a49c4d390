use clap::CommandFactory;

use super::*;

#[test]
fn the_tree_of_commands_is_consistent() {
    Cli::command().debug_assert();
}

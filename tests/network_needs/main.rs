//! What workloads need beside the flows that were seen: granted with a reason on every road, told, narrowed by settings; and what each
//! network plugin makes of it.
#![cfg(test)]

#[path = "../harness/mod.rs"]
mod harness;

mod config_maps;
mod needs;
mod plugins;
mod scene;
mod shown;
mod typed;

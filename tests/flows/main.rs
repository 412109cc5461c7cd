//! Flow logs: a set of connections with known truth comes out the same from each format; real records all end in a stated way.
#![cfg(test)]

mod ends;
mod field;
mod forms;
mod held;
mod hostile;
mod policies;
mod read;
mod shop;
mod truth;

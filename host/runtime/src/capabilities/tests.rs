//! Every row of the table is as the WIT, the folders and the manifest need it.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;
use crate::fixtures::wit;

#[test]
fn each_interface_of_a_row_is_in_the_wit() {
    let wit = wit();
    let known: Vec<_> = wit.interfaces.iter().map(|(id, _)| wit.id_of(id)).collect();
    for row in ROWS {
        for interface in row.interfaces {
            assert!(known.contains(&Some((*interface).to_owned())), "{interface}");
        }
    }
}

#[test]
fn each_word_names_the_wit_package_of_its_row() {
    for capability in Capability::all() {
        let (word, package) = (capability.word(), capability.package());
        assert_eq!(package.split_once(':').unwrap().1, word);
        for interface in capability.interfaces() {
            assert_eq!(Capability::for_interface(interface), Some(capability));
        }
        assert_eq!(word.parse(), Ok(capability));
    }
}

#[test]
fn rows_are_in_the_order_of_their_words() {
    assert!(ROWS.iter().is_sorted_by_key(|row| row.word));
    assert!(Capability::all().is_sorted());
}

#[test]
fn an_unknown_word_is_refused_with_every_word() {
    let refusal = "postgress".parse::<Capability>().unwrap_err().to_string();
    assert!(refusal.starts_with("unknown capability `postgress`"), "{refusal}");
    for capability in Capability::all() {
        assert!(refusal.contains(&format!("`{capability}`")), "{refusal}");
    }
}

//! Names for those who bring none: two words, 2,304 pairs, 18 characters at most.

const FIRST: [&str; 48] = [
    "Amber", "Autumn", "Azure", "Bold", "Brave", "Bright", "Calm", "Clever", "Copper", "Coral", "Cosmic", "Crimson",
    "Curious", "Dapper", "Eager", "Early", "Fancy", "Gentle", "Golden", "Happy", "Hidden", "Humble", "Ivory", "Jolly",
    "Keen", "Kind", "Late", "Lively", "Lucky", "Mellow", "Merry", "Mighty", "Misty", "Nimble", "Noble", "Patient",
    "Polite", "Quick", "Quiet", "Rapid", "Royal", "Silent", "Silver", "Sunny", "Swift", "Velvet", "Wild", "Witty",
];

const SECOND: [&str; 48] = [
    "Badger", "Beaver", "Bison", "Cedar", "Comet", "Condor", "Coyote", "Crane", "Cricket", "Dolphin", "Eagle",
    "Falcon", "Fern", "Finch", "Fjord", "Fox", "Gecko", "Glacier", "Harbor", "Hare", "Hawk", "Heron", "Ibis",
    "Juniper", "Kestrel", "Lake", "Lantern", "Lark", "Lynx", "Maple", "Marten", "Meadow", "Meteor", "Newt", "Orca",
    "Osprey", "Otter", "Panda", "Pebble", "Puffin", "Raven", "Robin", "Seal", "Sparrow", "Thistle", "Tiger", "Walrus",
    "Wren",
];

/// Any number gives a name, equal numbers equal names.
pub(super) fn invented(chance: u64) -> String {
    let pick = |words: &[&'static str; 48], chance: u64| words[usize::try_from(chance % 48).unwrap_or(0)];
    format!("{} {}", pick(&FIRST, chance), pick(&SECOND, chance / 48))
}

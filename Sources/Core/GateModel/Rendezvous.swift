/// Rendezvous hashing: of several places each key prefers one, the same wherever it is asked, and when a place goes its
/// keys alone move. Not against an adversary, who may choose keys that prefer one place.
package enum Rendezvous {
    /// Greatest for the place that the key prefers.
    package static func weight(of place: UInt64, for key: UInt64) -> UInt64 {
        SplitMix64.mixed(place ^ (key &* SplitMix64.step))
    }

    /// A name as a place or key (FNV-1a, 64 bits).
    package static func number(of name: some Sequence<UInt8>) -> UInt64 {
        name.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }
}

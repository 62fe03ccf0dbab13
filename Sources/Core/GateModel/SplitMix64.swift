/// Numbers that a seed brings back (SplitMix64 of Steele, Lea and Flood). Predictable: never for a secret.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= SplitMix64.step
        return SplitMix64.mixed(state)
    }

    /// 2⁶⁴ divided by the golden ratio, odd.
    package static let step: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// A word of which each bit depends on all of another's.
    package static func mixed(_ word: UInt64) -> UInt64 {
        var word = word
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}

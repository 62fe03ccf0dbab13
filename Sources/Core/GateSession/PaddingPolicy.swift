import GateCrypto

/// How much padding records get, so that their lengths tell less about what they hold (article Protocol/CoverTraffic).
package enum PaddingPolicy: Hashable, Sendable {
    /// None: a record is as long as its messages.
    case none
    /// A random number of bytes, each of the range equally likely.
    case range(ClosedRange<Int>)
    /// Up to the next length with few significant bits: 12 % at most, and of lengths up to n only O(log log n) bits show
    /// (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019).
    case padme
    /// Up to the next multiple of so many bytes.
    case fixed(Int)

    /// Bytes that a record keeps free for padding before messages fill it: so that full records differ in length where
    /// others do.
    func reserve(_ environment: SessionEnvironment) -> Int {
        if case .range(let range) = self { environment.random(in: range) } else { 0 }
    }

    /// Padding for so many bytes of plaintext; `reserved` is what ``reserve(_:)`` gave. May be more than a record has room
    /// for: the caller cuts it.
    func amount(for plaintext: Int, reserved: Int) -> Int {
        switch self {
        case .none: 0
        case .range: reserved
        case .padme: PaddingPolicy.padmeLength(plaintext) - plaintext
        case .fixed(let size): (size - plaintext % size) % size
        }
    }

    /// The padded length of so many bytes. With e the number of the highest bit and s that of the highest bit of e, plus
    /// one, the lowest e − s bits become zero, upwards.
    static func padmeLength(_ length: Int) -> Int {
        guard length > 2 else { return length }
        let exponent = highestBit(length)
        let mask = (1 << (exponent - highestBit(exponent) - 1)) - 1
        return (length + mask) & ~mask
    }

    private static func highestBit(_ number: Int) -> Int { Int.bitWidth - 1 - number.leadingZeroBitCount }
}

import GateTestKit

/// Changes of inputs that a seed brings back.
struct Mutator {
    private let inputs: [[UInt8]]
    private var random: SeededRandom

    private enum Change: CaseIterable {
        case flipBits, truncate, extend, repeatPart, splice, replace, interesting
    }

    /// The longest run of bytes that a change adds.
    private static let addedBytesMax = 64
    /// What lengths, counts and signs go wrong at.
    private static let edges: [UInt8] = [0, 1, 0x7f, 0x80, 0xfe, 0xff]

    init(inputs: [[UInt8]], seed: UInt64) {
        self.inputs = inputs
        random = SeededRandom(seed: seed)
    }

    /// One of the inputs with one to four changes.
    mutating func next() -> [UInt8] {
        var bytes = pick(inputs) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &random) { change(&bytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let length = Int.random(in: 1...Mutator.addedBytesMax, using: &random)
        switch pick(Change.allCases) ?? .replace {
        case .flipBits:
            if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case .truncate: bytes.removeSubrange(place...)
        case .extend: bytes.insert(contentsOf: random.bytes(length), at: place)
        case .repeatPart: bytes.insert(contentsOf: Array(bytes[place...].prefix(length)), at: place)
        case .splice:
            let other = pick(inputs) ?? []
            bytes = Array(bytes[..<place]) + other.dropFirst(Int.random(in: 0...other.count, using: &random))
        case .replace:
            let end = min(place + length, bytes.count)
            bytes.replaceSubrange(place..<end, with: random.bytes(end - place))
        case .interesting:
            if place < bytes.count { bytes[place] = pick(Mutator.edges) ?? 0 }
        }
    }

    private mutating func pick<Value>(_ values: [Value]) -> Value? { values.randomElement(using: &random) }
}

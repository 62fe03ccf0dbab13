package import GateModel
package import NIOCore

/// A client puzzle, as in HIP (RFC 7401, section 4.1.2): found by trying, checked by one hash.
///
/// A solution is a number for which SHA-256(label "QuantumGate puzzle v1" ‖ UUID of the dialled node ‖ challenge ‖
/// solution) begins with `effort` zero bits. So what the diallers of one node find is worth nothing at another.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | effort, from 1 on |
/// | 32 | challenge |
package struct Puzzle: Hashable, Sendable {
    /// Bytes of an encoded puzzle.
    package static let byteCount = 33
    /// Bytes of an encoded solution.
    package static let solutionByteCount = 8
    /// Random bytes that make a puzzle one of its kind.
    package static let challengeByteCount = 32

    /// Leading zero bits that the hash must have.
    package let effort: UInt8
    private let challenge: [UInt8]
    /// The node that asks.
    private let node: NodeUUID

    package init(effort: UInt8, challenge: [UInt8], of node: NodeUUID) {
        precondition(effort > 0 && challenge.count == Puzzle.challengeByteCount, "a puzzle has effort and 32 bytes")
        self.effort = effort
        self.challenge = challenge
        self.node = node
    }

    /// Reads a whole puzzle of the dialled node; `nil` for another length, and for no effort. Whether the effort is worth
    /// it, the caller says.
    package init?(_ bytes: ByteBuffer, of node: NodeUUID) {
        var rest = bytes
        guard rest.readableBytes == Puzzle.byteCount, let effort = rest.readInteger(as: UInt8.self), effort > 0,
            let challenge = rest.readBytes(length: Puzzle.challengeByteCount)
        else { return nil }
        self.init(effort: effort, challenge: challenge, of: node)
    }

    /// The puzzle's bytes.
    package var encoded: [UInt8] { [effort] + challenge }

    /// A solution's bytes, big-endian.
    package static func encoded(_ solution: UInt64) -> [UInt8] { withUnsafeBytes(of: solution.bigEndian) { Array($0) } }

    /// Whether that is a solution. One hash.
    package func isSolved(by solution: UInt64) -> Bool { self.solution(in: solution...solution) != nil }

    /// The first solution of the range; `nil` where it has none. One hash for each number; nothing is allocated for it.
    package func solution(in range: ClosedRange<UInt64>) -> UInt64? {
        var text = Label.puzzle.bytes + node.value.bytes + challenge + Puzzle.encoded(0)
        return text.withUnsafeMutableBytes { text in
            withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digest in
                let place = text.count - Puzzle.solutionByteCount
                return range.first { solution in
                    text.storeBytes(of: solution.bigEndian, toByteOffset: place, as: UInt64.self)
                    Sodium.sha256(UnsafeRawBufferPointer(text), into: digest)
                    return UInt64(bigEndian: digest.load(as: UInt64.self)).leadingZeroBitCount >= effort
                }
            }
        }
    }
}

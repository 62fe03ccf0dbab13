import GateModel
import NIOCore
import Testing

@testable import GateCrypto

@Suite struct PuzzleTests {
    private func challenge(_ first: UInt8) -> [UInt8] { (0..<32).map { first + $0 } }
    private func node(_ number: UInt64) -> NodeUUID { NodeUUID(UUIDBytes(high: number, low: number)) }

    private func puzzle(_ effort: UInt8, challenge first: UInt8 = 0, node number: UInt64 = 1) -> Puzzle {
        Puzzle(effort: effort, challenge: challenge(first), of: node(number))
    }

    /// Found with Python's `hashlib`.
    @Test(
        arguments: [(0, 1, 1, 1), (0, 10, 1, 922), (0, 16, 1, 110_946), (0, 16, 2, 30_433), (0x40, 20, 1, 559_718)]
            as [(UInt8, UInt8, UInt64, UInt64)])
    func `the first solution is what another implementation finds`(
        _ first: UInt8, _ effort: UInt8, _ node: UInt64, _ number: UInt64
    ) {
        let puzzle = puzzle(effort, challenge: first, node: node)
        #expect(puzzle.solution(in: 0...UInt64.max) == number)
        #expect(puzzle.isSolved(by: number) && !puzzle.isSolved(by: number - 1))
        #expect(puzzle.solution(in: 0...number - 1) == nil)
    }

    @Test func `a solution is of one challenge and one node, and may be worth less than was asked for`() {
        #expect(puzzle(10).isSolved(by: 110_946))
        #expect(!puzzle(17).isSolved(by: 110_946))
        #expect(!puzzle(10, challenge: 1).isSolved(by: 110_946))
        #expect(!puzzle(10, node: 2).isSolved(by: 110_946))
        #expect(!puzzle(.max).isSolved(by: 110_946))
    }

    @Test func `one encoding, of effort and challenge`() throws {
        let puzzle = puzzle(12, challenge: 0x80)
        #expect(puzzle.encoded == [12] + challenge(0x80) && puzzle.encoded.count == Puzzle.byteCount)
        #expect(Puzzle(ByteBuffer(bytes: puzzle.encoded), of: node(1)) == puzzle)
        #expect(Puzzle.encoded(0x0102_0304_0506_0708) == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test(arguments: [[], [1], [0] + [UInt8](repeating: 7, count: 32), [UInt8](repeating: 7, count: 34)] as [[UInt8]])
    func `another length, or no effort, is no puzzle`(_ bytes: [UInt8]) {
        #expect(Puzzle(ByteBuffer(bytes: bytes), of: node(1)) == nil)
    }
}

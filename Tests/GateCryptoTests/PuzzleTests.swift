import NIOCore
import Testing

@testable import GateCrypto

@Suite struct PuzzleTests {
    private func challenge(_ first: UInt8) -> [UInt8] { (0..<32).map { first + $0 } }

    /// Found with Python's `hashlib`.
    @Test(arguments: [(0, 1, 1), (0, 10, 1387), (0, 16, 55_984), (0x40, 20, 509_964)] as [(UInt8, UInt8, UInt64)])
    func `the first solution is what another implementation finds`(_ first: UInt8, _ effort: UInt8, _ number: UInt64) {
        let puzzle = Puzzle(effort: effort, challenge: challenge(first))
        #expect(puzzle.solution(in: 0...UInt64.max) == number)
        #expect(puzzle.isSolved(by: number) && !puzzle.isSolved(by: number - 1))
        #expect(puzzle.solution(in: 0...number - 1) == nil)
    }

    @Test func `a solution is of one challenge, and may be worth less than was asked for`() {
        #expect(Puzzle(effort: 10, challenge: challenge(0)).isSolved(by: 55_984))
        #expect(!Puzzle(effort: 17, challenge: challenge(0)).isSolved(by: 55_984))
        #expect(!Puzzle(effort: 10, challenge: challenge(1)).isSolved(by: 55_984))
        #expect(!Puzzle(effort: .max, challenge: challenge(0)).isSolved(by: 55_984))
    }

    @Test func `one encoding, of effort and challenge`() throws {
        let puzzle = Puzzle(effort: 12, challenge: challenge(0x80))
        #expect(puzzle.encoded == [12] + challenge(0x80) && puzzle.encoded.count == Puzzle.byteCount)
        #expect(Puzzle(ByteBuffer(bytes: puzzle.encoded)) == puzzle)
        #expect(Puzzle.encoded(0x0102_0304_0506_0708) == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test(arguments: [[], [1], [0] + [UInt8](repeating: 7, count: 32), [UInt8](repeating: 7, count: 34)] as [[UInt8]])
    func `another length, or no effort, is no puzzle`(_ bytes: [UInt8]) {
        #expect(Puzzle(ByteBuffer(bytes: bytes)) == nil)
    }
}

/// What became of client puzzles on one event loop.
package struct PuzzleCount: Hashable, Sendable {
    /// Openings that were answered with a puzzle.
    package var asked: UInt64 = 0
    /// Solutions that were right.
    package var accepted: UInt64 = 0
    /// Solutions that were wrong, or missing.
    package var wrong: UInt64 = 0
    /// Others' puzzles that were solved here.
    package var solved: UInt64 = 0
    /// Others' puzzles that asked for more than is solved.
    package var tooHard: UInt64 = 0

    package init() {}

    /// What came since.
    package static func - (left: PuzzleCount, right: PuzzleCount) -> PuzzleCount {
        var count = PuzzleCount()
        count.asked = left.asked - right.asked
        count.accepted = left.accepted - right.accepted
        count.wrong = left.wrong - right.wrong
        count.solved = left.solved - right.solved
        count.tooHard = left.tooHard - right.tooHard
        return count
    }
}

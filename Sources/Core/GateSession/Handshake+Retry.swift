import GateAccess
import GateCrypto
import GateModel
import GateWire
import NIOCore

/// What a responder wants otherwise than the opening has it: another suite, the solution of a puzzle, or both at once.
/// Once, and over a connection of its own only: the suites of circuits come from signed records, and whoever brings one
/// has proven itself to a neighbour.
extension Handshake {
    // MARK: The responder

    /// How hard a puzzle this opening is answered with; 0: none.
    func effort(for opening: FlightHeader) -> UInt8 {
        isRetried || opening.context != .peer ? 0 : environment.puzzleLoad.effort
    }

    /// Names a suite that is taken here, or that there is none; asks for a puzzle's solution.
    mutating func writeRetry(
        to opening: FlightHeader, header: FlightHeader, effort: UInt8, into output: inout ByteBuffer
    ) throws(NoiseFailure) -> Step {
        let offered = SuiteOffers(opening.offers)
        let failure = SessionFailure.noCommonSuite(offered: offered, taken: suites.offers)
        guard !isRetried, opening.context == .peer else { return fail(failure) }
        let suite = suites.answer(to: opening.suite, offering: offered)
        var retry = header
        retry.kind = .retry
        retry.suite = suite?.numbers ?? FlightHeader.noSuite
        if suite != nil, effort > 0 { puzzle = makePuzzle(effort) }
        let message = puzzle?.encoded ?? []
        _ = try writeFlight(retry, message, payload: nil, into: &output)
        guard let suite else { return fail(failure) }
        // Nothing more is asked of this connection: many of them are not kept for later, to come all at once.
        if puzzle == nil { answered = environment.puzzleLoad.answered() }
        isRetried = true
        prologue += retry.choices + message
        var asked = opening
        asked.suite = suite.numbers
        choices = asked
        return .needsMore
    }

    private func makePuzzle(_ effort: UInt8) -> Puzzle {
        environment.puzzles.asked += 1
        return Puzzle(effort: effort, challenge: environment.random.bytes(Puzzle.challengeByteCount), of: dialled)
    }

    /// Takes the solution off the front of a second opening's message, where one was asked for; `nil` to go on.
    mutating func judgeSolution(_ message: inout ByteBuffer) -> Step? {
        guard let puzzle = puzzle.take() else { return nil }
        guard let solution = message.readInteger(as: UInt64.self), puzzle.isSolved(by: solution) else {
            environment.puzzles.wrong += 1
            return fail(.puzzleUnsolved)
        }
        environment.puzzles.accepted += 1
        prologue += Puzzle.encoded(solution)
        return nil
    }

    // MARK: The initiator

    /// What a retry's header decides.
    mutating func judgeRetry(_ header: FlightHeader) -> Step? {
        guard !isRetried, header.context == .peer else { return fail() }
        if let refusal = judgeSame(header) { return refusal }
        let asksForSolution = header.messageBytes > 0
        guard header.suite != FlightHeader.noSuite else { return asksForSolution ? fail() : nil }
        let taken = SuiteOffers(header.offers)
        guard let favourite = choices?.suite, taken.contains(header.suite),
            header.suite == favourite ? asksForSolution : !taken.contains(favourite),
            let suite = NoiseSuite(numbers: header.suite), suites.takes(suite)
        else { return fail() }
        return nil
    }

    /// Begins anew with the suite that the responder chose of ours; at once, or when the puzzle is solved.
    mutating func receivedRetry(
        _ retry: FlightHeader, _ message: ByteBuffer, into output: inout ByteBuffer
    ) throws(NoiseFailure) -> Step {
        guard retry.suite != FlightHeader.noSuite else {
            let taken = SuiteOffers(retry.offers)
            guard suites.offers.unlike(taken) != nil else { return fail() }
            return fail(.noCommonSuite(offered: suites.offers, taken: taken))
        }
        guard var opening = choices else { return fail() }
        isRetried = true
        opening.suite = retry.suite
        choices = opening
        prologue += retry.choices
        noise = nil
        guard message.readableBytes > 0 else { return try openAnew([], into: &output) }
        guard let puzzle = Puzzle(message, of: dialled) else { return fail() }
        guard puzzle.effort <= PuzzleEffort.most else {
            environment.puzzles.tooHard += 1
            return fail(.puzzleTooHard(effort: puzzle.effort))
        }
        prologue += puzzle.encoded
        self.puzzle = puzzle
        phase = .solving
        return .needsMore
    }

    /// The puzzle is solved: writes the second opening. `nil` where none was to be solved.
    mutating func solved(_ solution: UInt64, into output: inout ByteBuffer) -> Step? {
        guard phase == .solving, puzzle.take() != nil else { return nil }
        environment.puzzles.solved += 1
        phase = .awaitingAnswer
        do throws(NoiseFailure) {
            return try openAnew(Puzzle.encoded(solution), into: &output)
        } catch { return fail(error) }
    }

    private mutating func openAnew(
        _ solution: [UInt8], into output: inout ByteBuffer
    ) throws(NoiseFailure) -> Step {
        guard let opening = choices else { return fail() }
        prologue += opening.choices + solution
        return try open(opening, solution, into: &output)
    }
}

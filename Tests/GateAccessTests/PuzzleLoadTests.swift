import GateModel
import Testing

@testable import GateAccess

@Suite struct `Puzzle load` {
    private let start = MonotonicInstant(nanoseconds: 7_000_000_000)

    private func load(_ threshold: Int) -> PuzzleLoad {
        var load = PuzzleLoad()
        load.threshold = threshold
        load.advance(to: start)
        return load
    }

    /// What is asked for after each of so many answers that nobody completes.
    private func efforts(_ threshold: Int, answers: Int) -> [UInt8] {
        var load = load(threshold)
        return (0..<answers).map { _ in
            _ = load.answered()
            return load.effort
        }
    }

    @Test func `asks for nothing below the threshold, and for a bit more with each doubling from it on`() {
        #expect(efforts(4, answers: 17) == [0, 0, 0, 14, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15, 15, 16, 16])
    }

    @Test func `never asks for more than is solved`() {
        #expect(efforts(1, answers: 5000).max() == PuzzleEffort.most)
    }

    @Test func `never asks where the threshold is zero`() {
        #expect(efforts(0, answers: 5000).max() == 0)
    }

    @Test func `does not rise by honest handshakes, however many, up to as many at once as the threshold`() {
        var load = load(4)
        for number in 0..<10_000 {
            load.advance(to: start + .milliseconds(number))
            let answers = [load.answered(), load.answered(), load.answered()]
            #expect(load.effort == 0)
            for answer in answers { load.completed(answer) }
        }
        #expect(load.answerCount == 0)
    }

    @Test func `honest handshakes take nothing off what attackers left`() {
        var load = load(4)
        for _ in 0..<8 { _ = load.answered() }
        for _ in 0..<100 {
            let answer = load.answered()
            load.completed(answer)
        }
        #expect(load.answerCount == 8 && load.effort == 15)
    }

    @Test func `forgets a window's answers evenly during the next, and all after two`() {
        var load = load(4)
        for _ in 0..<16 { _ = load.answered() }
        var counts: [Int] = []
        for seconds in [0, 9, 10, 15, 18, 20, 30] {
            load.advance(to: start + .seconds(seconds))
            counts.append(load.answerCount)
        }
        #expect(counts == [16, 16, 16, 8, 4, 0, 0])
        #expect(load.effort == 0)
    }

    @Test func `follows the rate of an attack, not how long it goes on`() {
        var load = load(10)
        var efforts: [UInt8] = []
        for moment in 0..<6000 {
            load.advance(to: start + .milliseconds(moment * 100))
            for _ in 0..<4 { _ = load.answered() }
            efforts.append(load.effort)
        }
        // 400 in ten seconds: forty times the threshold, so five doublings.
        #expect(efforts[200...].allSatisfy { $0 == 19 })
    }

    @Test func `an answer that is completed late is taken from the window that counts it, or from none`() {
        var load = load(1)
        let late = load.answered()
        _ = load.answered()
        load.advance(to: start + .seconds(12))
        load.completed(late)
        load.advance(to: start + .seconds(12))
        #expect(load.answerCount == 1)

        let forgotten = load.answered()
        load.advance(to: start + .seconds(60))
        _ = load.answered()
        load.completed(forgotten)
        #expect(load.answerCount == 1)
    }

    @Test func `takes a window's length over with the next`() {
        var load = load(1)
        load.windowTime = .seconds(1)
        _ = load.answered()
        load.advance(to: start + .milliseconds(1500))
        #expect(load.answerCount == 1)
        load.advance(to: start + .milliseconds(2000))
        #expect(load.answerCount == 0)
    }
}

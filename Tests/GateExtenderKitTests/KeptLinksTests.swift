@testable import GateExtenderKit
import GateModel
import Testing

@Suite struct LinksToWorkers {
    private let one = WorkerAddress(name: "kernel-1", endpoint: Endpoint(host: "127.0.0.1", port: 1))
    private let two = WorkerAddress(name: "kernel-2", endpoint: Endpoint(host: "127.0.0.1", port: 2))
    private let start = ContinuousClock.now

    @Test func `a worker that comes gets its link at once, and one`() {
        var links = KeptLinks(grace: .seconds(30))
        #expect(links.update([one], at: start).begun.map(\.0) == [one])
        #expect(links.update([one, two], at: start).begun.map(\.0) == [two])
        #expect(!links.update([one, two], at: start).hasMissing)
    }

    @Test func `a worker that is not named for a moment keeps its link`() {
        var links = KeptLinks(grace: .seconds(30))
        _ = links.update([one], at: start)
        #expect(links.update([], at: start).hasMissing)
        #expect(links.update(nil, at: start + .seconds(29)).hasMissing)
        #expect(links.update([one], at: start + .seconds(29)).begun.isEmpty)
        #expect(!links.update(nil, at: start + .seconds(60)).hasMissing)
    }

    @Test func `a worker that stays away loses its link, and gets a new one when it comes back`() {
        var links = KeptLinks(grace: .seconds(30))
        _ = links.update([one], at: start)
        _ = links.update([], at: start)
        #expect(!links.update(nil, at: start + .seconds(30)).hasMissing)
        #expect(links.update([one], at: start + .seconds(31)).begun.map(\.0) == [one])
    }
}

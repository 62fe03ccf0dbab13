import GateCommand
import Testing

extension Acceptance {
    @Suite struct `From two hops on` {
        @Test(arguments: [2, 3])
        func `no relay's and no exit's log, objects or database hold both ends`(hops: Int) async throws {
            try await RunningNetwork.with(hops: hops) { running in
                let network = running.network
                #expect(try await running.download(hops: hops, isolate: "a", byteCount: 1 << 20))
                let ports = Set(network.nodes.map(\.portBase))
                let from = network.origin.processes(running: "gate-kernel").flatMap {
                    DialledFrom.endpoints(of: $0, to: ports)
                }
                #expect(!from.isEmpty)
                let target = KnowledgeInspection.Trace.text("web server", "\(running.web.endpoint)")
                let source = KnowledgeInspection.traces(of: network.origin, endpoints: from)
                let exit = KnowledgeInspection.traces(of: network.exit)
                let atRelay = KnowledgeInspection(source: source, destination: exit + [target])
                let atExit = KnowledgeInspection(source: source, destination: [target])
                var (knowsSource, knowsDestination) = (0, 0)
                for relay in network.relays {
                    let knowledge = try await blocking { try atRelay.inspect(relay) }
                    #expect(!knowledge.holdsBoth, "\(relay.name): \(knowledge)")
                    knowsSource += knowledge.ofSource.isEmpty ? 0 : 1
                    knowsDestination += knowledge.ofDestination.isEmpty ? 0 : 1
                }
                let knowledge = try await blocking { try atExit.inspect(network.exit) }
                #expect(!knowledge.holdsBoth && knowledge.ofSource.isEmpty, "exit: \(knowledge)")
                // The first and the last relay do know their neighbour, so the search is not blind.
                #expect(knowsSource == 1 && knowsDestination == 1)
            }
        }
    }
}

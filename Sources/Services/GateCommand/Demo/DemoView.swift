import GateModel

/// What a demo that stays up shows: how to try it, then sessions and circuits whenever they change.
struct DemoView {
    let network: DemoNetwork
    let web: Endpoint
    let hops: Int
    let voice: DemoVoice

    private static let pause = Duration.seconds(1)

    /// Runs until cancelled.
    func run() async throws {
        let user = network.user(hops: hops, isolate: "1")
        voice.say("ready. Try, in another terminal:")
        voice.say(
            "    curl --socks5-hostname \(network.origin.socks) -U '\(user):x' http://\(web)/268435456 -o /dev/null")
        voice.say("    git -c http.proxy='socks5h://\(user):x@\(network.origin.socks)' clone …")
        voice.say("another text after isolate= takes another circuit; Ctrl-C ends the demo")
        var shown: [String] = []
        while true {
            try Task.checkCancellation()
            let lines = try await observe()
            if lines != shown { for line in lines { voice.say(line) } }
            shown = lines
            try await Task.sleep(for: DemoView.pause)
        }
    }

    private func observe() async throws -> [String] {
        let all = try await DemoNetwork.each(network.nodes) { node in try? node.observe() }
        var lines = zip(network.nodes, all).map { node, observation in
            guard let observation else { return "\(node.name): no answer" }
            return "\(node.name): \(observation.sessionCount) sessions, \(observation.circuitCount) circuits"
        }
        for circuit in all.first.flatMap(\.self)?.circuits ?? [] {
            lines.append("circuit origin → " + circuit.path.map { network.name(of: $0) }.joined(separator: " → "))
        }
        return lines
    }
}

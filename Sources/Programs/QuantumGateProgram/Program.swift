internal import ArgumentParser
internal import CWipe
internal import GateCommand

/// `quantumgate`: the command of operators. See `QuantumGateCommand`.
@main
enum Program {
    static func main() async {
        QuantumGateCommand.harden()
        await QuantumGateCommand.main()
    }
}

enum QuantumGatePlaceholder {}

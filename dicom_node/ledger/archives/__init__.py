"""What archives are asked for: a patient's earlier radiographs, and which were fetched."""

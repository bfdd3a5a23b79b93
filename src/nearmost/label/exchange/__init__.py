"""What leaves a project and what comes from others: exports, snapshots, projects of refinery."""

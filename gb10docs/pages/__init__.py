"""What an author writes: pages, fences, snippets, headers and needs. It runs nothing and draws nothing."""

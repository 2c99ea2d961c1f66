// The playground. Written next.

/** Mean over the tokens of each group of words as a matrix, [T,K], that turns attention to tokens into attention to groups. */
export function tokenSelector(groups: readonly (readonly number[])[], length: number): Float32Array {
  const count = Math.max(1, groups.length)
  const data = new Float32Array(length * count)
  for (const [group, positions] of groups.entries())
    for (const position of positions) data[position * count + group] = 1 / positions.length
  return data
}
